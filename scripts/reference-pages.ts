/**
 * The reference pages of the docs, written from the tables and commands that the code itself uses.
 */
import { commandHelp, HELP_COLUMNS, overview } from "../src/cli/help.ts";
import { wrapText } from "../src/cli/wrap-text.ts";
import { loadAll } from "../src/cli/command-list.ts";
import { resultJsonSchema } from "../src/bench/result/result-json-schema.ts";
import { ERROR_CATALOG } from "../src/core/error-catalog.ts";
import { type ErrorEntry } from "../src/core/error-catalog/entry.ts";
import {
  defaultText,
  expectedText,
  flagOf,
  SETTING_NAMES,
  SETTINGS,
  variableOf,
} from "../src/platform/setting-table.ts";

const MADE_BY = "<!-- Written by `npm run reference`: edit the code it describes instead. -->";

export interface ReferencePage {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export async function referencePages(): Promise<readonly ReferencePage[]> {
  return [
    { path: "docs/reference/cli.md", text: await cliPage() },
    { path: "docs/reference/errors.md", text: errorsPage() },
    { path: "docs/reference/settings.md", text: settingsPage() },
    {
      path: "docs/reference/bench-result.schema.json",
      text: `${JSON.stringify(resultJsonSchema(), undefined, 2)}\n`,
    },
  ];
}

async function cliPage(): Promise<string> {
  const commands = await loadAll();
  const columns = HELP_COLUMNS;
  const sections = commands.map((command) =>
    section(`kurobe ${command.name}`, fence(commandHelp(command, { columns }))),
  );
  const prose =
    "Results go to stdout, progress and errors to stderr. `--json` makes both of them JSON, for every " +
    "command. Colours and progress bars are for terminals alone; `NO_COLOR` turns colours off.";
  return page("Command line", prose, [fence(overview(commands, { columns })), ...sections]);
}

const DOMAINS: Readonly<Record<ErrorEntry["domain"], string>> = {
  user: "The caller's move",
  external: "The outside world",
  internal: "A bug in Kurobe",
};

function errorsPage(): string {
  const entries: readonly (readonly [string, ErrorEntry])[] = Object.entries(ERROR_CATALOG);
  const rooms = [...new Set(entries.map(([code]) => roomOf(code)))].toSorted();
  const prose =
    "Every error has a code that does not change, a message that says what happened and where, and a hint " +
    "that says what to do. Over HTTP it is a problem document (RFC 9457) with the status below; on the " +
    "command line, the exit code is 1 for the caller's move, 2 for the outside world, 3 for a bug. " +
    "Where it says to try again, wait as long as `Retry-After` asks, or a little longer each time.";
  const sections = rooms.map((room) => {
    const rows = entries
      .filter(([code]) => roomOf(code) === room)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, entry]) => [
        `\`${code}\``,
        DOMAINS[entry.domain],
        entry.retry === "backoff" ? "yes" : "no",
        String(entry.http),
        `\`${entry.sqlstate}\``,
        entry.hint,
      ]);
    const head = ["code", "whose move", "try again", "HTTP", "SQLSTATE", "what to do"];
    return section(room, table(head, rows));
  });
  return page("Errors", prose, sections);
}

/** `KRB_LOG_LOCKED` is raised by `log/`. */
function roomOf(code: string): string {
  return (code.split("_")[1] ?? "").toLowerCase();
}

function settingsPage(): string {
  const prose =
    "What the machine may use, and where it listens. A flag wins over a variable, a variable over the " +
    "default; all mistakes are reported together. Sizes are written like `64MiB`, durations like `30s` " +
    "or `1h 30m`.";
  const rows = SETTING_NAMES.map((name) => [
    `\`--${flagOf(name)}\``,
    `\`${variableOf(name)}\``,
    defaultText(name),
    expectedText(name),
    SETTINGS[name].prose,
  ]);
  const variables = table(
    ["variable", "what for"],
    [
      ["`KUROBE_URL`", "Server that the client commands talk to, in place of `--url`."],
      ["`KUROBE_HISTORY`", "History file of the SQL prompt. Default: `~/.kurobe_history`."],
      ["`NO_COLOR`", "Any text turns colours off."],
    ],
  );
  const settings = table(["flag", "variable", "default", "written as", "what for"], rows);
  return page("Settings", prose, [settings, section("For the command line alone", variables)]);
}

function page(title: string, prose: string, parts: readonly string[]): string {
  const wrapped = wrapText(prose, 100).join("\n");
  return `${[`# ${title}`, MADE_BY, wrapped, ...parts].join("\n\n")}\n`;
}

function section(title: string, text: string): string {
  return `## ${title}\n\n${text}`;
}

function fence(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
