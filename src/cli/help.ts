/**
 * Help, generated from what a command says of itself: the same text for the screen and the docs.
 */
import { type Command, type Example, type OptionSpec, type OptionSpecs } from "./command.ts";
import { GLOBAL_OPTIONS } from "./global-options.ts";
import { wrapText } from "./wrap-text.ts";

export interface HelpOptions {
  readonly columns: number;
}

/** The width of help where no terminal says otherwise. */
export const HELP_COLUMNS = 88;

export function usageLine(command: Command): string {
  const positionals = (command.positionals ?? []).map(({ name, isOptional, isMany }) => {
    const word = `<${name}${isMany === true ? "…" : ""}>`;
    return isOptional === true ? `[${word}]` : word;
  });
  return ["kurobe", command.name, ...positionals, "[options]"].join(" ");
}

export function commandHelp(command: Command, { columns }: HelpOptions): string {
  const positionals = (command.positionals ?? []).map(
    ({ name, prose }) => [`<${name}>`, prose] as const,
  );
  return [
    ...wrapText(`${command.summary}.`, columns),
    "",
    `Usage: ${usageLine(command)}`,
    ...command.description.flatMap((paragraph) => ["", ...wrapText(paragraph, columns)]),
    ...section("Arguments", positionals, columns),
    ...section("Options", optionRows(command.options), columns),
    ...section("Everywhere", optionRows(GLOBAL_OPTIONS), columns),
    "",
    "Examples:",
    ...exampleLines(command.examples),
    "",
  ].join("\n");
}

export function overview(commands: readonly Command[], { columns }: HelpOptions): string {
  const rows = commands.map((command) => [command.name, command.summary] as const);
  const exits =
    "Exit codes: 0 done, 1 a mistake in what was asked, 2 the outside world, 3 a bug in Kurobe.";
  return [
    "Kurobe keeps event and time-series data, in one process.",
    "",
    "Usage: kurobe <command> [options]",
    ...section("Commands", rows, columns),
    "",
    ...wrapText(exits, columns),
    "`kurobe <command> --help` explains one of them, with examples.",
    "",
  ].join("\n");
}

function optionRows(options: OptionSpecs): readonly (readonly [string, string])[] {
  return Object.entries(options).map(([name, spec]) => [optionLabel(name, spec), prose(spec)]);
}

function optionLabel(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  return `${short}--${name}${spec.kind === "text" ? ` <${spec.value}>` : ""}`;
}

function prose(spec: OptionSpec): string {
  if (spec.kind === "switch") return spec.prose;
  const choices = spec.choices === undefined ? "" : ` One of ${spec.choices.join(", ")}.`;
  const fallback = spec.defaultProse === undefined ? "" : ` Default: ${spec.defaultProse}.`;
  return `${spec.prose}${choices}${fallback}`;
}

function section(
  title: string,
  rows: readonly (readonly [label: string, prose: string])[],
  columns: number,
): readonly string[] {
  if (rows.length === 0) return [];
  const labelWidth = Math.max(...rows.map(([label]) => label.length)) + 2;
  const lines = rows.flatMap(([label, text]) =>
    wrapText(text, Math.max(30, columns - labelWidth - 2)).map(
      (line, index) => `  ${(index === 0 ? label : "").padEnd(labelWidth)}${line}`,
    ),
  );
  return ["", `${title}:`, ...lines];
}

function exampleLines(examples: readonly Example[]): readonly string[] {
  return examples.flatMap(({ prose: why, line }, index) => [
    ...(index === 0 ? [] : [""]),
    `  # ${why}`,
    `  ${line}`,
  ]);
}
