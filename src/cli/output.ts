/** The only way to the screen: results to stdout, everything for human eyes to stderr. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { KurobeError } from "../core/errors.ts";
import { type Paint, paintFor } from "./paint.ts";
import { openProgress, type Progress } from "./progress.ts";
import { renderTable, type TableColumn } from "./table.ts";
import { type Terminal, type TextSink } from "./terminal.ts";

export interface OutputOptions {
  readonly isJson: boolean;
}

export class Output {
  readonly isJson: boolean;
  /** For what goes to stdout. */
  readonly paint: Paint;
  /** For what goes to stderr. */
  readonly notePaint: Paint;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal, { isJson }: OutputOptions) {
    this.isJson = isJson;
    this.paint = paintFor(terminal.stdout, terminal.environment);
    this.notePaint = paintFor(terminal.stderr, terminal.environment);
    this.#terminal = terminal;
  }

  /** A line of the result; silent with `--json`, where `json` says everything. */
  line(text = ""): void {
    if (!this.isJson) this.#terminal.stdout.write(`${text}\n`);
  }

  /** The result for machines; silent without `--json`. One call a command. */
  json(value: unknown): void {
    if (this.isJson) this.#terminal.stdout.write(`${toJson(value, 2)}\n`);
  }

  /** A word on the side. */
  note(text: string): void {
    this.#terminal.stderr.write(`${text}\n`);
  }

  table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): void {
    const { dim, bold } = this.paint;
    const room = this.isWide ? Number.POSITIVE_INFINITY : this.columns;
    for (const line of renderTable(columns, rows, { columns: room, dim, bold })) this.line(line);
  }

  /** Cells in a line of stdout. */
  get columns(): number {
    return Math.max(40, this.#terminal.stdout.columns ?? 80);
  }

  /** True where nothing must be cut, because stdout is no screen. */
  get isWide(): boolean {
    return this.#terminal.stdout.isTTY !== true;
  }

  progress(label: string): Progress {
    const { stderr, clock } = this.#terminal;
    return openProgress({ label, sink: stderr, paint: this.notePaint, clock });
  }

  /**
   * Asks on the terminal. Throws KRB_CLI_CONFIRMATION where nobody can answer, or the answer is no.
   */
  async confirm(question: string): Promise<void> {
    const { stdin, stderr, signal } = this.#terminal;
    if (stdin.isTTY !== true || stderr.isTTY !== true || this.isJson) {
      throw new KurobeError("KRB_CLI_CONFIRMATION", `${question} Nobody is there to answer.`);
    }
    const prompt = createInterface({ input: stdin, output: stderr });
    try {
      const answer = await prompt.question(`${question} [y/N] `, { signal });
      if (/^\s*y(es)?\s*$/i.test(answer)) return;
    } finally {
      prompt.close();
    }
    throw new KurobeError("KRB_CLI_CONFIRMATION", "Nothing was changed.");
  }
}

/**
 * Waits while the reader is slower than we are, so that a long result does not pile up in memory.
 */
export async function writeSlowly(sink: TextSink, chunk: string | Uint8Array): Promise<void> {
  if (!sink.write(chunk)) await once(sink, "drain");
}

/** 64-bit integers become numbers where a number holds them exactly, else text. */
export function toJson(value: unknown, indent?: number): string {
  const plain = (_key: string, each: unknown): unknown => {
    if (typeof each !== "bigint") return each;
    return Number.isSafeInteger(Number(each)) ? Number(each) : each.toString();
  };
  return JSON.stringify(value, plain, indent);
}
