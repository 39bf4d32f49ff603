/** Reads a command line against a command's options, and reports all mistakes together. */
import { parseArgs } from "node:util";
import { KurobeError } from "../core/errors.ts";
import { didYouMean } from "../plan/problem.ts";
import { type Command, type OptionSpec, type OptionSpecs } from "./command.ts";
import { GLOBAL_OPTIONS } from "./global-options.ts";
import { usageLine } from "./help.ts";

export interface ParsedArguments {
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

/** Throws KRB_CLI_USAGE with `details.problems`, one sentence each. */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments {
  const specs: OptionSpecs = { ...command.options, ...GLOBAL_OPTIONS };
  const { tokens } = parseArgs({
    args: [...args],
    options: parserOptions(specs),
    // Not strict: its errors come one at a time and know no near names.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const problems: string[] = [];
  const options: Record<string, string | boolean | readonly string[] | undefined> = {};
  for (const [name, spec] of Object.entries(specs)) options[name] = emptyValue(spec);
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) problems.push(unknownOption(token.rawName, specs));
    else problems.push(...take(options, spec, token));
  }
  // Help is given even beside mistakes: that is when it is asked for.
  if (options["help"] === true) return { options, positionals };
  problems.push(...countProblems(command, positionals));
  if (problems.length > 0) throw usageError(command, problems);
  return { options, positionals };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function parserOptions(
  specs: OptionSpecs,
): NonNullable<Parameters<typeof parseArgs>[0]>["options"] {
  const entries = Object.entries(specs).map(([name, spec]) => [
    name,
    {
      type: spec.kind === "switch" ? ("boolean" as const) : ("string" as const),
      ...(spec.short === undefined ? {} : { short: spec.short }),
    },
  ]);
  return Object.fromEntries(entries) as NonNullable<Parameters<typeof parseArgs>[0]>["options"];
}

function emptyValue(spec: OptionSpec): false | readonly string[] | undefined {
  if (spec.kind === "switch") return false;
  return spec.isMultiple === true ? [] : undefined;
}

/** Puts one option in its place; gives what is wrong with it. */
function take(
  options: Record<string, string | boolean | readonly string[] | undefined>,
  spec: OptionSpec,
  { name, rawName, value, inlineValue }: OptionToken,
): readonly string[] {
  if (spec.kind === "switch") {
    if (value !== undefined) return [`${rawName} takes no value, found ${JSON.stringify(value)}`];
    options[name] = true;
    return [];
  }
  if (value === undefined || value === "") return [`${rawName} needs a value: <${spec.value}>`];
  // `--output --json` is a forgotten value; a negative number is none of these.
  if (inlineValue !== true && /^-\D/.test(value)) {
    return [`${rawName} needs a value; write ${rawName}=${value} if ${value} is meant`];
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    return [`${rawName} ${value}: ${didYouMean(value, spec.choices)}`];
  }
  const before = options[name];
  if (spec.isMultiple === true) options[name] = [...(Array.isArray(before) ? before : []), value];
  else if (before === undefined) options[name] = value;
  else return [`${rawName} is given twice`];
  return [];
}

function unknownOption(rawName: string, specs: OptionSpecs): string {
  const known = Object.keys(specs).map((name) => `--${name}`);
  return `unknown option ${rawName}: ${didYouMean(rawName, known).replaceAll('"', "")}`;
}

function countProblems(command: Command, positionals: readonly string[]): readonly string[] {
  const specs = command.positionals ?? [];
  const missing = specs.filter((spec, index) => {
    return spec.isOptional !== true && positionals[index] === undefined;
  });
  const isOpen = specs.some((spec) => spec.isMany === true);
  const extra = isOpen ? [] : positionals.slice(specs.length);
  return [
    ...missing.map((spec) => `<${spec.name}> is missing: ${spec.prose}`),
    ...extra.map((value) => `${JSON.stringify(value)} is one argument too many`),
  ];
}

function usageError(command: Command, problems: readonly string[]): KurobeError {
  return new KurobeError("KRB_CLI_USAGE", `kurobe ${command.name}: ${problems.join("; ")}`, {
    hint: `Usage: ${usageLine(command)} (add --help for all options and examples).`,
    details: { problems },
  });
}
