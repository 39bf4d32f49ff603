/** What a command can touch of the process, as an argument: tests run commands without one. */
import { homedir } from "node:os";
import { type Readable, type Writable } from "node:stream";
import { type Clock, systemClock } from "../core/clock.ts";

/** A terminal where `isTTY` is true; a file or a pipe where it is not. */
export interface TextSink extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface TextSource extends Readable {
  readonly isTTY?: boolean;
}

export interface Terminal {
  readonly stdin: TextSource;
  /** Results alone. */
  readonly stdout: TextSink;
  /** Everything for human eyes: progress, warnings, logs, errors. */
  readonly stderr: TextSink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly homeDirectory: string;
  readonly clock: Clock;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/**
 * One press of Ctrl-C may arrive several times: from the terminal, which tells the whole process
 * group, and from npm or a shell above us, which passes on what it was told.
 */
const SAME_PRESS_MS = 500;

/** The real one. The second Ctrl-C ends the process at once. */
export function processTerminal(): Terminal {
  const stopping = new AbortController();
  let firstMs: number | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      firstMs ??= performance.now();
      stopping.abort();
      if (performance.now() - firstMs > SAME_PRESS_MS) process.exit(130);
    });
  }
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    workingDirectory: process.cwd(),
    homeDirectory: homedir(),
    clock: systemClock,
    signal: stopping.signal,
  };
}
