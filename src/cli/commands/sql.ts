/** `kurobe sql`: ask, once or at a prompt. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { parseDuration } from "../../core/duration.ts";
import { KurobeError } from "../../core/errors.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { chooseFormat, SQL_FORMATS } from "../sql/result-format.ts";
import { runPrompt } from "../sql/prompt.ts";
import { runStatement } from "../sql/run-statement.ts";
import { readParameters } from "../sql/statement.ts";
import { type Terminal } from "../terminal.ts";

const SHOWN_ROWS = 1000;

export const sql = defineCommand({
  name: "sql",
  summary: "Ask with SQL, once or at a prompt",
  description: [
    "One SELECT over datasets, windows, and <dataset>.dead_letters and <dataset>.late_rows; rows in memory and in " +
      "chunks alike. Without a statement it opens a prompt, or reads one from a pipe.",
    "A result is whole or an error: where a limit is crossed, nothing is cut off silently.",
  ],
  positionals: [
    {
      name: "statement",
      prose: "The SELECT. Missing: a prompt, or standard input.",
      isOptional: true,
    },
  ],
  options: {
    file: { kind: "text", value: "path", prose: "Read the statement from a file." },
    param: {
      kind: "text",
      value: "name=value",
      short: "p",
      isMultiple: true,
      prose: "A value for $name; without a name, for $1, $2 and so on.",
    },
    format: {
      kind: "text",
      value: "word",
      short: "f",
      choices: SQL_FORMATS,
      prose: "What the result looks like.",
      defaultProse: "from the name of --output, else a table",
    },
    output: { kind: "text", value: "path", short: "o", prose: "Save the result to a file." },
    rows: {
      kind: "text",
      value: "n",
      prose: "Rows that a table shows.",
      defaultProse: String(SHOWN_ROWS),
    },
    limit: { kind: "text", value: "n", prose: "Fail where the result has more rows than this." },
    timeout: { kind: "text", value: "time", prose: "Fail where it takes longer than this." },
    ...CLIENT_OPTIONS,
  },
  examples: [
    {
      prose: "A table",
      line: 'kurobe sql "SELECT symbol, close FROM bars ORDER BY window_start DESC LIMIT 5"',
    },
    {
      prose: "With a parameter",
      line: `kurobe sql 'SELECT count(*) AS n FROM ticks WHERE symbol = $s' -p s=ACME`,
    },
    {
      prose: "A million rows into a file",
      line: 'kurobe sql "SELECT symbol, price FROM ticks" -o ticks.parquet',
    },
    { prose: "At a prompt, with history", line: "kurobe sql" },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const format = chooseFormat(
      { format: options.format, outputPath: options.output, isJson: output.isJson },
      terminal,
    );
    if (options.output !== undefined && format === "table") {
      throw new KurobeError(
        "KRB_CLI_USAGE",
        `--output ${options.output} does not say which format`,
        {
          hint: "Add --format json, ndjson, csv, arrow or parquet.",
        },
      );
    }
    const parameters = readParameters(options.param);
    const limit = readCount("--limit", options.limit);
    const timeoutMs = readTimeout(options.timeout);
    const maxShownRows = readCount("--rows", options.rows) ?? SHOWN_ROWS;
    const client = await clientFor(options, terminal);
    const run = { client, format, maxShownRows, output, terminal };
    const isPrompt =
      positionals[0] === undefined && options.file === undefined && terminal.stdin.isTTY === true;
    if (isPrompt) return runPrompt(run);
    const statement = await readStatement(positionals[0], options.file, terminal);
    return runStatement(
      {
        sql: statement,
        ...parameters,
        ...(limit === undefined ? {} : { limit }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
      { ...run, outputPath: options.output, signal: terminal.signal },
    );
  },
});

async function readStatement(
  typed: string | undefined,
  file: string | undefined,
  { stdin, workingDirectory }: Terminal,
): Promise<string> {
  if (typed !== undefined && file !== undefined) {
    throw new KurobeError("KRB_CLI_USAGE", "a statement and --file are both there", {
      hint: "Give one of them.",
    });
  }
  const written =
    file !== undefined
      ? await readFile(resolve(workingDirectory, file), "utf8").catch((error: unknown) => {
          throw new KurobeError("KRB_CLI_FILE", `${file} cannot be read`, { cause: error });
        })
      : (typed ?? (await readAll(stdin)));
  const statement = written.trim().replace(/;\s*$/, "");
  if (statement !== "") return statement;
  throw new KurobeError("KRB_CLI_USAGE", "there is no statement to ask", {
    hint: 'Write it in quotes: kurobe sql "SELECT …".',
  });
}

function readCount(option: string, written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  if (/^[1-9]\d{0,11}$/.test(written)) return Number(written);
  throw new KurobeError("KRB_CLI_USAGE", `${option} ${written} is no whole number above zero`);
}

function readTimeout(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const us = parseDuration(written);
  if (us !== undefined && us >= 1000) return Math.round(us / 1000);
  throw new KurobeError("KRB_CLI_USAGE", `--timeout ${written} is no length of time`, {
    hint: "Write it like 500ms or 30s.",
  });
}
