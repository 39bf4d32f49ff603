/** What `start` and `dev` share: a supervised engine whose reports become lines on the terminal. */
import { KurobeError } from "../core/errors.ts";
import { ERROR_CATALOG, type ErrorCode } from "../core/error-catalog.ts";
import { type EngineOrder, type EngineReport } from "../platform/engine-messages.ts";
import { supervise, type SuperviseEvent } from "../platform/supervise.ts";
import { type Output } from "./output.ts";
import { type Progress } from "./progress.ts";

export interface RunEngineOptions {
  readonly order: EngineOrder;
  readonly output: Output;
  /** Aborting it stops the engine in order. */
  readonly signal: AbortSignal;
  /** Called each time that the engine is ready. */
  readonly onReady: (report: Extract<EngineReport, { readonly kind: "ready" }>) => void;
}

/** Resolves when the engine was stopped; throws what kept it from starting. */
export async function runEngine(options: RunEngineOptions): Promise<void> {
  const watcher = new Watcher(options);
  const source = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const modulePath = new URL(`../platform/engine-process.${source}`, import.meta.url).pathname;
  const { order, signal } = options;
  const code = await supervise({
    modulePath,
    order,
    signal,
    onEvent: (event) => watcher.see(event),
  });
  watcher.end();
  if (signal.aborted || code === 0) return;
  throw (
    watcher.failure ??
    new KurobeError("KRB_PLATFORM_ENGINE_ENDED", `the engine ended with code ${code}`)
  );
}

class Watcher {
  readonly #options: RunEngineOptions;
  #recovery: Progress | undefined;
  failure: KurobeError | undefined;

  constructor(options: RunEngineOptions) {
    this.#options = options;
  }

  see(event: SuperviseEvent): void {
    const { output } = this.#options;
    if (event.kind === "report") {
      this.#hear(event.report);
    } else if (event.kind === "died") {
      this.end();
      const how = event.signal === null ? `with code ${event.code}` : `by ${event.signal}`;
      output.note(
        output.notePaint.yellow(
          `The engine (pid ${event.pid}) ended ${how}; it starts again in ${event.restartInMs} ms.`,
        ),
      );
    }
  }

  #hear(report: EngineReport): void {
    const { output, onReady } = this.#options;
    if (report.kind === "recovering") {
      this.#recovery ??= output.progress("Replaying the log");
      const { position, lastPosition, rows } = report;
      const text = `entry ${position} of ${lastPosition}, ${rows.toLocaleString("en")} rows`;
      this.#recovery.update({ done: position, total: lastPosition, text });
      return;
    }
    this.end();
    if (report.kind === "ready") {
      onReady(report);
      return;
    }
    const { code, message, hint, details } = report;
    const known = Object.hasOwn(ERROR_CATALOG, code) ? (code as ErrorCode) : "KRB_CORE_ASSERTION";
    this.failure = new KurobeError(known, message, { hint, details });
    if (report.exitCode === 3) output.note(`${code}: ${message}`);
  }

  end(): void {
    this.#recovery?.[Symbol.dispose]();
    this.#recovery = undefined;
  }
}
