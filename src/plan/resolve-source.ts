/** Checks the sources of a project and fills in their defaults. */
import { isBranded } from "../project/brand.ts";
import { checkRelationName, nameHint } from "./names.ts";
import { type Plan, type SourcePlan } from "./plan.ts";
import { didYouMean, type Problems, show } from "./problem.ts";
import { durationUs, isRecord } from "./resolve-dataset.ts";

const KEYS = ["into", "path", "format", "follow", "settle", "every", "after"];
const FORMATS = ["ndjson", "json", "csv", "parquet"] as const;
const AFTER = ["keep", "delete"] as const;
const MAX_SOURCES = 100;
/** Unbounded folders above the project are nobody's intention. */
const MAX_PATH_LENGTH = 1000;

export const SOURCE_DEFAULTS = { settle: "2s", every: "1s", after: "keep" } as const;

/** Sorted by name. `nameOf` gives the name of a declared dataset. */
export function resolveSources(
  value: unknown,
  datasets: Plan["datasets"],
  nameOf: (value: unknown) => string | undefined,
  problems: Problems,
): readonly SourcePlan[] {
  if (value === undefined) return [];
  if (!isRecord(value)) {
    problems.add(show(value), "an object of sources", "{ incoming: files({ into: …, path: … }) }");
    return [];
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_SOURCES) {
    problems.add(`${entries.length} sources`, `at most ${MAX_SOURCES}`, "use a wider pattern");
    return [];
  }
  const found = entries.flatMap(([name, source]) => {
    const at = problems.at(name);
    checkRelationName(name, at);
    const plan = resolveSource(name, source, datasets, nameOf, at);
    return plan === undefined ? [] : [plan];
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function resolveSource(
  name: string,
  value: unknown,
  datasets: Plan["datasets"],
  nameOf: (value: unknown) => string | undefined,
  problems: Problems,
): SourcePlan | undefined {
  const spec = isBranded(value, "source") ? (value as { spec?: unknown }).spec : undefined;
  if (!isRecord(spec)) {
    return problems.add(show(value), "a source", 'files({ into: …, path: "incoming/*.ndjson" })');
  }
  problems.unknownKeys(spec, KEYS);
  const follow = spec["follow"] ?? false;
  if (typeof follow !== "boolean") problems.at("follow").add(show(follow), "true or false", "true");
  const format = oneOf(spec["format"], FORMATS, problems.at("format"));
  if (follow === true && (format === "json" || format === "parquet")) {
    const hint = 'format: "ndjson", or follow: false';
    problems.at("follow").add(`true with ${format}`, "files that can be read in part", hint);
  }
  return {
    kind: "files",
    name,
    into: resolveInto(spec["into"], datasets, nameOf, problems.at("into")),
    path: resolvePath(spec["path"], problems.at("path")),
    format: format ?? null,
    follow: follow === true,
    settleUs: durationUs(spec["settle"] ?? SOURCE_DEFAULTS.settle, 0, problems.at("settle")) ?? 0,
    everyUs: durationUs(spec["every"] ?? SOURCE_DEFAULTS.every, 1, problems.at("every")) ?? 1,
    after: oneOf(spec["after"], AFTER, problems.at("after")) ?? SOURCE_DEFAULTS.after,
  };
}

function resolveInto(
  value: unknown,
  datasets: Plan["datasets"],
  nameOf: (value: unknown) => string | undefined,
  problems: Problems,
): string {
  const name = typeof value === "string" ? value : nameOf(value);
  const names = datasets.map((dataset) => dataset.name);
  if (name !== undefined && names.includes(name)) return name;
  problems.add(show(value), "a dataset of the project", nameHint(value, names));
  return "";
}

function resolvePath(value: unknown, problems: Problems): string {
  const example = '"incoming/*.ndjson"';
  if (typeof value !== "string" || value === "" || value.length > MAX_PATH_LENGTH) {
    problems.add(show(value), "a path, with * where names differ", example);
    return "";
  }
  if (/\{[^}]*$|^[^{]*\}|\0/.test(value)) problems.add(show(value), "closed braces", example);
  return value;
}

function oneOf<T extends string>(
  value: unknown,
  known: readonly T[],
  problems: Problems,
): T | undefined {
  if (value === undefined) return undefined;
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  const hint = typeof value === "string" ? didYouMean(value, known) : `"${known[0] ?? ""}"`;
  return problems.add(show(value), `one of ${known.join(", ")}`, hint);
}
