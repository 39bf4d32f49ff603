/** A terminal in memory: commands run in the test's own process and leave their text behind. */
import { PassThrough } from "node:stream";
import { systemClock } from "../../src/core/clock.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import { type Terminal, type TextSink } from "../../src/cli/terminal.ts";

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Width of a screen; without it, output goes to a pipe. */
  readonly columns?: number;
  /** Aborted by Ctrl-C. */
  readonly signal?: AbortSignal;
  /** What has been written to stdout so far, whenever something is. */
  readonly onOutput?: (text: string) => void;
}

export async function runInMemory(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliRun> {
  const stdout = collector(options.columns);
  const stderr = collector();
  const { onOutput } = options;
  if (onOutput !== undefined) stdout.sink.on("data", () => onOutput(stdout.text()));
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? "");
  const terminal: Terminal = {
    stdin,
    stdout: stdout.sink,
    stderr: stderr.sink,
    environment: { NO_COLOR: "1", ...options.environment },
    workingDirectory: options.workingDirectory ?? process.cwd(),
    homeDirectory: options.workingDirectory ?? process.cwd(),
    clock: systemClock,
    signal: options.signal ?? new AbortController().signal,
  };
  const code = await runCli(args, terminal);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(columns?: number): { readonly sink: TextSink; readonly text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const screen = columns === undefined ? {} : { isTTY: true, columns };
  return {
    sink: Object.assign(stream, screen),
    text: () => Buffer.concat(chunks).toString(),
  };
}
