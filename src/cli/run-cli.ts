/** Finds the command that a line names, runs it, and turns what happened into an exit code. */
import { readFileSync } from "node:fs";
import { ERROR_CATALOG } from "../core/error-catalog.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { didYouMean } from "../plan/problem.ts";
import { COMMAND_LIST, loadAll } from "./command-list.ts";
import { commandHelp, HELP_COLUMNS, overview } from "./help.ts";
import { Output, toJson } from "./output.ts";
import { paintFor } from "./paint.ts";
import { parseArguments } from "./parse-arguments.ts";
import { type Terminal } from "./terminal.ts";

/** 0 done, 1 a mistake in what was asked, 2 the outside world, 3 our bug, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** `args` without node and script. Never throws: what fails is printed to stderr. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await dispatch(args, terminal);
    return 0;
  } catch (error) {
    if (terminal.signal.aborted && isAbort(error)) return 130;
    return report(error, args.includes("--json"), terminal);
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<void> {
  const [first = "--help", second = ""] = args;
  const columns = Math.min(HELP_COLUMNS, terminal.stdout.columns ?? HELP_COLUMNS);
  if (["--help", "-h", "help"].includes(first) && second === "") {
    terminal.stdout.write(overview(await loadAll(), { columns }));
    return;
  }
  if (["--version", "-V", "version"].includes(first)) {
    terminal.stdout.write(`${packageVersion()}\n`);
    return;
  }
  if (first === "help") return dispatch([...args.slice(1), "--help"], terminal);
  const group = verbsOf(first);
  if (group.length > 0 && (second === "" || second.startsWith("-"))) {
    if (!args.includes("--help") && !args.includes("-h")) throw unknownVerb(first, second, group);
    const commands = await loadAll();
    const inGroup = commands.filter(({ name }) => name.startsWith(`${first} `));
    terminal.stdout.write(overview(inGroup, { columns }));
    return;
  }
  const name = group.length > 0 ? `${first} ${second}` : first;
  const load = Object.hasOwn(COMMAND_LIST, name) ? COMMAND_LIST[name] : undefined;
  if (load === undefined) throw unknownVerb(first, second, group);
  const command = await load();
  const { options, positionals } = parseArguments(command, args.slice(group.length > 0 ? 2 : 1));
  if (options["help"] === true) {
    terminal.stdout.write(commandHelp(command, { columns }));
    return;
  }
  const output = new Output(terminal, { isJson: options["json"] === true });
  // The parser has checked each value against the very specs that `run` was typed by.
  await command.run({ options: options as never, positionals, terminal, output });
}

/** `ls` and `now` for `checkpoint`; empty for a command of one word. */
function verbsOf(group: string): readonly string[] {
  return Object.keys(COMMAND_LIST)
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));
}

function unknownVerb(first: string, second: string, group: readonly string[]): KurobeError {
  if (group.length > 0) {
    const written = second.startsWith("-") ? "" : second;
    const names = group.map((verb) => `${first} ${verb}`);
    return new KurobeError(
      "KRB_CLI_USAGE",
      written === ""
        ? `kurobe ${first} needs one of ${group.join(", ")}`
        : `kurobe ${first} ${written} is no command: ${didYouMean(`${first} ${written}`, names)}`,
      { hint: `Add --help after \`kurobe ${first}\` to see them.` },
    );
  }
  const words = [...new Set(Object.keys(COMMAND_LIST).map((name) => name.split(" ")[0] ?? name))];
  return new KurobeError(
    "KRB_CLI_USAGE",
    `kurobe ${first} is no command: ${didYouMean(first, words)}`,
    {
      hint: "`kurobe --help` lists all commands.",
    },
  );
}

function report(error: unknown, isJson: boolean, terminal: Terminal): ExitCode {
  const known = isKurobeError(error) ? error : unexpected(error);
  if (isJson) {
    const { code, message, hint, details } = known;
    terminal.stderr.write(`${toJson({ error: { code, message, hint, details } }, 2)}\n`);
    return known.entry.exitCode;
  }
  const paint = paintFor(terminal.stderr, terminal.environment);
  const lines = [
    `${paint.red("error")} ${known.message}`,
    `${paint.dim("hint")}  ${known.hint}`,
    paint.dim(`code  ${known.code}`),
  ];
  terminal.stderr.write(`${lines.join("\n")}\n`);
  if (known.entry.exitCode === 3 && known.cause instanceof Error) {
    terminal.stderr.write(`${paint.dim(known.cause.stack ?? "")}\n`);
  }
  return known.entry.exitCode;
}

/** Whatever has no code is a bug of ours, and says so. */
function unexpected(error: unknown): KurobeError {
  const message = error instanceof Error ? error.message : String(error);
  return new KurobeError("KRB_CORE_ASSERTION", message, {
    hint: ERROR_CATALOG.KRB_CORE_ASSERTION.hint,
    cause: error,
  });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || isAbort(error.cause));
}

function packageVersion(): string {
  // Two folders up from here in `src/` and in `dist/` alike.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}
