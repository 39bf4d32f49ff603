/**
 * The parent of the engine: what cannot be interrupted inside a process is killed with it, and
 * because the log is the truth, a restart costs seconds and no data.
 */
import { type ChildProcess, fork } from "node:child_process";
import { type EngineOrder, type EngineReport } from "./engine-messages.ts";

export interface SuperviseOptions {
  /** The module that runs the engine. */
  readonly modulePath: string;
  readonly execArgv?: readonly string[];
  /** Sent to each child as its first message: arguments would show secrets to every user. */
  readonly order: EngineOrder;
  /** Aborting it stops the engine in order and ends the supervision. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: SuperviseEvent) => void;
}

export type SuperviseEvent =
  | { readonly kind: "started"; readonly pid: number; readonly restarts: number }
  /** What the child says of itself. */
  | { readonly kind: "report"; readonly report: EngineReport }
  | {
      readonly kind: "died";
      readonly pid: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly restartInMs: number;
    };

/**
 * DuckDB's calls each hold a thread of Node's pool while they run: four would block every file
 * operation.
 */
export const THREAD_POOL_SIZE = 24;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** How long an engine may take to close in order. */
const STOP_PATIENCE_MS = 30_000;

/**
 * Resolves with the exit code once the child has ended for good: because `signal` was aborted, or
 * because it ended by itself in order, or before it ever was ready (a mistake in the project, a
 * directory in use), which a restart would not mend.
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const { signal, onEvent } = options;
  let pauseMs = FIRST_PAUSE_MS;
  let wasReady = false;
  for (let restarts = 0; ; restarts++) {
    let isReady = false;
    const child = start(options);
    const pid = child.pid ?? 0;
    onEvent({ kind: "started", pid, restarts });
    child.on("message", (message) => {
      const report = message as EngineReport;
      if (report.kind === "ready") isReady = true;
      onEvent({ kind: "report", report });
    });
    const ended = await ending(child, signal);
    if (signal.aborted || ended.code === 0) return ended.code ?? 0;
    wasReady ||= isReady;
    if (!wasReady && ended.code !== null) return ended.code;
    // Only deaths on the way up make the pauses longer: they would go round in a loop.
    if (isReady) pauseMs = FIRST_PAUSE_MS;
    onEvent({ kind: "died", pid, ...ended, restartInMs: pauseMs });
    await pause(pauseMs, signal);
    if (signal.aborted) return 0;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

function start(options: SuperviseOptions): ChildProcess {
  const child = fork(options.modulePath, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: [...(options.execArgv ?? process.execArgv)],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(THREAD_POOL_SIZE) },
  });
  child.send(options.order);
  return child;
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

function ending(child: ChildProcess, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve) => {
    let impatient: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill("SIGTERM");
      impatient = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    const end = (code: number | null, by: string | null): void => {
      clearTimeout(impatient);
      signal.removeEventListener("abort", stop);
      resolve({ code, signal: by });
    };
    child.once("exit", end);
    child.once("error", () => end(null, "spawn"));
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
