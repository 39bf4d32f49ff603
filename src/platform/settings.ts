/**
 * Where and how large: settings come from flags, `KUROBE_*` variables and defaults, in this order.
 */
import { availableParallelism, totalmem } from "node:os";
import { parseDuration } from "../core/duration.ts";
import { KurobeError } from "../core/errors.ts";
import { didYouMean, nearest } from "../plan/problem.ts";
import {
  expectedText,
  flagOf,
  type Machine,
  PREFIX,
  SETTING_NAMES,
  type SettingName,
  type Settings,
  SETTINGS,
  type SettingSpec,
  variableOf,
} from "./setting-table.ts";
import { parseSize } from "../core/size.ts";

export { type Settings } from "./setting-table.ts";

/** Values by flag name without dashes, as the command line gives them. */
export type FlagValues = Readonly<Record<string, string | boolean | undefined>>;

export interface SettingsSource {
  readonly flags?: FlagValues;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly machine?: Machine;
}

export interface SettingProblem {
  /** `--port` or `KUROBE_PORT`. */
  readonly source: string;
  readonly found: string;
  readonly expected: string;
}

/**
 * Flags win over variables, variables over defaults. Throws KRB_PLATFORM_SETTINGS with all mistakes
 * in `details.problems`.
 */
export function readSettings(source: SettingsSource = {}): Settings {
  const { flags = {}, environment = process.env, machine = thisMachine() } = source;
  const problems: SettingProblem[] = [...misspelt(environment)];
  const values: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const [origin, written] = writtenValue(name, flags, environment);
    if (written === undefined) {
      values[name] = defaultValue(name, machine);
      continue;
    }
    const value = parseValue(SETTINGS[name], written);
    if (value === undefined) {
      const isSecret = SETTINGS[name].kind === "secret";
      const found = isSecret ? "nothing" : JSON.stringify(written);
      problems.push({ source: origin, found, expected: expectedText(name) });
    }
    values[name] = value;
  }
  if (problems.length > 0) throw invalid(problems);
  return Object.freeze(values) as unknown as Settings;
}

function writtenValue(
  name: SettingName,
  flags: FlagValues,
  environment: Readonly<Record<string, string | undefined>>,
): readonly [origin: string, written: string | undefined] {
  const flag = flags[flagOf(name)];
  if (flag !== undefined) return [`--${flagOf(name)}`, String(flag)];
  // An empty variable is how many tools write "not set".
  const variable = environment[variableOf(name)];
  return [variableOf(name), variable === "" ? undefined : variable];
}

function defaultValue(name: SettingName, machine: Machine): Value | null {
  const { default: value } = SETTINGS[name];
  return typeof value === "function" ? value(machine) : value;
}

type Value = string | number | boolean | readonly string[];

function parseValue(spec: SettingSpec, text: string): Value | undefined {
  switch (spec.kind) {
    case "text":
    case "secret":
    case "file":
      return text.trim() === "" ? undefined : text;
    case "list": {
      const entries = text.split(",").map((entry) => entry.trim());
      return entries.every((entry) => spec.pattern.test(entry)) ? entries : undefined;
    }
    case "switch":
      return SWITCHES[text.toLowerCase()];
    case "choice":
      return spec.choices.includes(text) ? text : undefined;
    case "count":
    case "size":
    case "duration": {
      const value = parseNumber(spec.kind, text);
      return value !== undefined && value >= spec.min && value <= spec.max ? value : undefined;
    }
  }
}

const SWITCHES: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
};

function parseNumber(kind: "count" | "size" | "duration", text: string): number | undefined {
  if (kind === "size") return parseSize(text);
  if (kind === "count") return /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
  const us = parseDuration(text);
  return us === undefined || us % 1000 !== 0 ? undefined : us / 1000;
}

/**
 * Other variables that begin so are none of ours: Kubernetes makes some for a service called
 * kurobe.
 */
function misspelt(
  environment: Readonly<Record<string, string | undefined>>,
): readonly SettingProblem[] {
  const known = [...SETTING_NAMES.map(variableOf), ...CLIENT_VARIABLES];
  return Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .filter((name) => isSlip(name, known))
    .map((name) => ({
      source: name,
      found: "an unknown variable",
      expected: didYouMean(name, known),
    }));
}

/** Read by the command line's client verbs, not by the server. */
export const CLIENT_VARIABLES: readonly string[] = ["KUROBE_URL", "KUROBE_HISTORY"];

function isSlip(name: string, known: readonly string[]): boolean {
  const near = nearest(
    name.slice(PREFIX.length),
    known.map((each) => each.slice(PREFIX.length)),
  );
  return near !== undefined && Math.abs(PREFIX.length + near.length - name.length) <= 2;
}

function invalid(problems: readonly SettingProblem[]): KurobeError {
  const lines = problems.map(
    ({ source, found, expected }) => `${source}: ${found}; expected ${expected}`,
  );
  const count = problems.length === 1 ? "One setting is" : `${problems.length} settings are`;
  return new KurobeError("KRB_PLATFORM_SETTINGS", `${count} wrong.\n${lines.join("\n")}`, {
    details: { problems },
  });
}

function thisMachine(): Machine {
  return { memoryBytes: totalmem(), cores: availableParallelism() };
}
