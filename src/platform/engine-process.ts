/** The supervisor's child: opens the platform and its doors, and says over IPC how it goes. */
import { diskErrorCode } from "../core/disk.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type EngineOrder, type EngineReport } from "./engine-messages.ts";
import { openRunningProject, type RunningProject } from "./running-project.ts";

/** How often recovery tells where it is. */
const RECOVERY_REPORT_MS = 100;
/**
 * Resident memory beyond the limit that DuckDB keeps to: Node itself, bodies on their way, file
 * caches.
 */
const MEMORY_SLACK_BYTES = 2 * 1024 ** 3;
const MEMORY_LOOK_MS = 250;

function report(message: EngineReport): void {
  process.send?.(message);
}

async function run(order: EngineOrder): Promise<void> {
  let lastReportMs = 0;
  const project = await openRunningProject(order, {
    onRecovery: (progress) => {
      const nowMs = performance.now();
      if (nowMs - lastReportMs < RECOVERY_REPORT_MS) return;
      lastReportMs = nowMs;
      report({ kind: "recovering", ...progress });
    },
    // DuckDB cannot be stopped from inside its process, so the process goes; the log is the truth.
    onStuck: () => process.kill(process.pid, "SIGKILL"),
  });
  watchMemory(order.settings.memoryLimitBytes + MEMORY_SLACK_BYTES);
  closeOnSignal(project);
  project.failed.catch((error: unknown) => end(error));
  report({ kind: "ready", pid: process.pid, ...project.summary });
}

function watchMemory(limitBytes: number): void {
  setInterval(() => {
    if (process.memoryUsage.rss() > limitBytes) process.kill(process.pid, "SIGKILL");
  }, MEMORY_LOOK_MS).unref();
}

function closeOnSignal(project: RunningProject): void {
  let isClosing = false;
  const close = (): void => {
    if (isClosing) return;
    isClosing = true;
    project[Symbol.asyncDispose]().then(
      () => process.exit(0),
      (error: unknown) => end(error),
    );
  };
  process.on("SIGTERM", close);
  // Ctrl-C reaches the whole group of processes; the supervisor then asks in order.
  process.on("SIGINT", () => undefined);
  process.on("disconnect", close);
}

function end(thrown: unknown): void {
  const error = isKurobeError(thrown) ? thrown : failureOf(thrown);
  const { code, message, hint, details, entry } = error;
  const failed: EngineReport = {
    kind: "failed",
    code,
    message,
    hint,
    details,
    exitCode: entry.exitCode,
  };
  if (process.send === undefined) process.exit(entry.exitCode);
  process.send(failed, () => process.exit(entry.exitCode));
}

function failureOf(cause: unknown): KurobeError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const systemCode = diskErrorCode(cause);
  if (cause instanceof Error && "path" in cause && systemCode !== "") {
    const { path } = cause;
    return new KurobeError("KRB_PLATFORM_DISK", `${String(path)} cannot be used (${systemCode})`, {
      cause,
      details: { path, systemCode },
    });
  }
  return new KurobeError("KRB_CORE_ASSERTION", message, { cause });
}

process.once("message", (order) => {
  run(order as EngineOrder).catch(end);
});
