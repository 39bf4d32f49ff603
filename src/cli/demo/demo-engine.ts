/**
 * The demo's server: the same supervised engine as `kurobe start`, in a directory that goes with
 * it.
 */
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock } from "../../core/clock.ts";
import { KurobeError } from "../../core/errors.ts";
import { type EngineReport } from "../../platform/engine-messages.ts";
import { readSettings, type Settings } from "../../platform/settings.ts";
import { supervise } from "../../platform/supervise.ts";

type Ready = Extract<EngineReport, { readonly kind: "ready" }>;

export interface DemoEngine extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly dataDirectory: string;
  /** Of the engine that runs now. */
  readonly pid: number;
  /** SIGKILL; resolves when the supervisor has a new engine ready, with the time that it took. */
  killAndWait(): Promise<{ readonly backAfterMs: number; readonly ready: Ready }>;
}

export interface DemoEngineOptions {
  readonly dataDirectory: string;
  /** Undefined: the usual one, or any other if that is taken. */
  readonly port: string | undefined;
  readonly clock: Clock;
}

const USUAL_PORT = 4186;

/** In the repository, beside the sources and beside the build alike. */
const PROJECT_DIRECTORY = fileURLToPath(new URL("../../../examples/flights", import.meta.url));

export async function startDemoEngine(options: DemoEngineOptions): Promise<DemoEngine> {
  const { clock, dataDirectory } = options;
  const port = options.port ?? String(await freePort());
  const settings = demoSettings(dataDirectory, port);
  const stopping = new AbortController();
  const readiness = new Readiness();
  const ended = supervise({
    modulePath: engineModule(),
    order: {
      kind: "open",
      settings,
      projectDirectory: PROJECT_DIRECTORY,
      acceptDestructive: false,
    },
    signal: stopping.signal,
    onEvent: (event) => {
      if (event.kind === "report") readiness.hear(event.report);
    },
  });
  ended.then(
    () => readiness.fail(),
    () => readiness.fail(),
  );
  let ready = await readiness.next();
  return {
    url: ready.url,
    token: readFileSync(join(dataDirectory, "token"), "utf8").trim(),
    dataDirectory,
    get pid() {
      return ready.pid;
    },
    async killAndWait() {
      const startedMs = clock.monotonicMs();
      const next = readiness.next();
      process.kill(ready.pid, "SIGKILL");
      ready = await next;
      return { backAfterMs: clock.monotonicMs() - startedMs, ready };
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
}

/** Turns the engine's reports into promises, one for each time that it gets ready. */
class Readiness {
  #waiting: { resolve: (ready: Ready) => void; reject: (error: Error) => void } | undefined;
  #failure: KurobeError | undefined;

  next(): Promise<Ready> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  hear(report: EngineReport): void {
    if (report.kind === "ready") this.#waiting?.resolve(report);
    if (report.kind !== "failed") return;
    this.#failure = new KurobeError("KRB_PLATFORM_ENGINE_ENDED", report.message, {
      hint: report.hint,
      details: { ...report.details, code: report.code },
    });
  }

  fail(): void {
    const ended = new KurobeError("KRB_PLATFORM_ENGINE_ENDED", "the demo's engine ended");
    this.#waiting?.reject(this.#failure ?? ended);
  }
}

function demoSettings(data: string, port: string): Settings {
  // What else is set in the environment is meant for a real project.
  return readSettings({ flags: { data, port, "log-level": "silent" }, environment: {} });
}

function engineModule(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../../platform/engine-process.${extension}`, import.meta.url));
}

/** A fixed port, so that the engine comes back at the same address. */
async function freePort(): Promise<number> {
  return (await listenOnce(USUAL_PORT)) ?? (await listenOnce(0)) ?? USUAL_PORT;
}

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      const taken = typeof address === "object" && address !== null ? address.port : null;
      server.close(() => resolve(taken));
    });
  });
}
