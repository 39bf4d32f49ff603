/**
 * The interactive prompt: statements over several lines, a history that is kept, Ctrl-C that
 * cancels.
 */
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { isKurobeError } from "../../core/errors.ts";
import { type Client } from "../client.ts";
import { type Output } from "../output.ts";
import { runStatement, type StatementRun } from "./run-statement.ts";
import { SQL_FORMATS, type SqlFormat } from "./result-format.ts";

const HISTORY_LINES = 1000;
const FIRST_PROMPT = "kurobe> ";
const NEXT_PROMPT = "     -> ";

const HELP = `  end a statement with ;
  \\d [name]      datasets, or the columns of one
  \\f <format>    ${SQL_FORMATS.filter((format) => format !== "arrow" && format !== "parquet").join(", ")}
  \\q             leave (also Ctrl-D)
  Ctrl-C         cancels what runs, or clears what is typed`;

export type PromptOptions = Omit<StatementRun, "signal" | "outputPath">;

/** Resolves when the user leaves. */
export async function runPrompt(options: PromptOptions): Promise<void> {
  const { output, terminal } = options;
  const historyPath =
    terminal.environment["KUROBE_HISTORY"] ?? join(terminal.homeDirectory, ".kurobe_history");
  const lines = createInterface({
    input: terminal.stdin,
    output: terminal.stdout,
    terminal: terminal.stdin.isTTY === true,
    history: [...(await readHistory(historyPath))],
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    prompt: FIRST_PROMPT,
  });
  output.line(output.paint.dim(`Connected to ${options.client.url}. \\? for help.`));
  const session = new Session(lines, options, historyPath);
  lines.on("SIGINT", () => session.interrupt());
  lines.prompt();
  for await (const line of lines) {
    if (!(await session.take(line))) return lines.close();
    lines.prompt();
  }
  // Ctrl-D leaves the cursor behind the prompt.
  output.line();
}

class Session {
  readonly #lines: Interface;
  readonly #historyPath: string;
  #options: PromptOptions;
  #typed = "";
  #running: AbortController | undefined;

  constructor(lines: Interface, options: PromptOptions, historyPath: string) {
    this.#lines = lines;
    this.#options = options;
    this.#historyPath = historyPath;
  }

  interrupt(): void {
    if (this.#running !== undefined) {
      this.#running.abort();
      return;
    }
    this.#typed = "";
    this.#options.output.line("^C");
    this.#lines.setPrompt(FIRST_PROMPT);
    // Clears the line that is being typed.
    this.#lines.write(null, { ctrl: true, name: "e" });
    this.#lines.write(null, { ctrl: true, name: "u" });
    this.#lines.prompt();
  }

  /** False where the user wants to leave. */
  async take(line: string): Promise<boolean> {
    const text = line.trim();
    if (this.#typed === "") {
      if (text === "") return true;
      if (/^(\\q|exit|quit)\s*;?$/i.test(text)) return false;
      if (text.startsWith("\\")) {
        await this.#guarded(() => this.#command(text));
        return true;
      }
    }
    this.#typed += this.#typed === "" ? line : `\n${line}`;
    if (!endsStatement(this.#typed)) {
      this.#lines.setPrompt(NEXT_PROMPT);
      return true;
    }
    const sql = this.#typed.trim().replace(/;\s*$/, "");
    this.#typed = "";
    this.#lines.setPrompt(FIRST_PROMPT);
    await keepHistory(this.#historyPath, sql);
    await this.#guarded((signal) =>
      runStatement({ sql }, { ...this.#options, outputPath: undefined, signal }),
    );
    return true;
  }

  /** A failure is shown, and the prompt goes on. */
  async #guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { output } = this.#options;
    const running = new AbortController();
    this.#running = running;
    try {
      await work(running.signal);
    } catch (error) {
      if (running.signal.aborted) output.note("cancelled");
      else if (isKurobeError(error))
        output.note(`${output.notePaint.red(error.message)}\n${error.hint}`);
      else throw error;
    } finally {
      this.#running = undefined;
    }
  }

  async #command(text: string): Promise<void> {
    const { client, output } = this.#options;
    const [word = "", argument = ""] = text.replace(/;$/, "").split(/\s+/);
    if (word === "\\?" || word === "\\h") output.line(HELP);
    else if (word === "\\d") await describe(client, argument, output);
    else if (word === "\\f" && SQL_FORMATS.includes(argument as SqlFormat)) {
      this.#options = { ...this.#options, format: argument as SqlFormat };
    } else output.note(`${text} is no command here; \\? lists them.`);
  }
}

interface Described {
  readonly name: string;
  readonly kind: string;
  readonly eventTime: string;
  readonly key: readonly string[];
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly nullable: boolean;
  }[];
}

async function describe(client: Client, name: string, output: Output): Promise<void> {
  if (name === "") {
    const { datasets } = await client.json<{ readonly datasets: readonly Described[] }>(
      "GET",
      "/v1/datasets",
    );
    output.table(
      [{ name: "name" }, { name: "kind" }, { name: "event time" }, { name: "key" }],
      datasets.map((each) => [each.name, each.kind, each.eventTime, each.key.join(", ")]),
    );
    return;
  }
  const about = await client.json<Described>("GET", `/v1/datasets/${encodeURIComponent(name)}`);
  output.table(
    [{ name: "column" }, { name: "type" }, { name: "null" }],
    about.columns.map(({ name: column, type, nullable }) => [
      column,
      type,
      nullable ? "yes" : "no",
    ]),
  );
}

/** A semicolon at the end, outside of quotes and comments. */
export function endsStatement(text: string): boolean {
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g;
  const bare = text.replace(token, "");
  return /;\s*$/.test(bare) && !/['"]|\/\*/.test(bare);
}

/** Newest first, as readline wants it. */
async function readHistory(path: string): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.slice(-HISTORY_LINES).toReversed();
}

/** One line a statement. Where it cannot be kept, nothing is lost but convenience. */
async function keepHistory(path: string, sql: string): Promise<void> {
  const line = `${sql.replace(/\s*\n\s*/g, " ")};\n`;
  await appendFile(path, line, { mode: 0o600 }).catch(() => undefined);
}
