/** Which names are allowed: those that need no quotes in SQL and mean nothing there yet. */
import { nearest, type Problems, show } from "./problem.ts";

const RELATION_NAME = /^[a-z][a-z0-9_]{0,62}$/;
const COLUMN_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;

/** DuckDB's reserved words, and the names of its own catalogs and schemas. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "all analyse analyze and any array as asc asymmetric both case cast check collate column " +
    "constraint create default deferrable desc describe distinct do else end except false fetch " +
    "for foreign from grant group having in initially intersect into lambda lateral leading limit " +
    "not null offset on only or order pivot pivot_longer pivot_wider placing primary qualify " +
    "references returning select show some summarize symmetric table then to trailing true union " +
    "unique unpivot using variadic when where window with " +
    "information_schema main memory pg_catalog system temp " +
    // Schemas of the engine.
    "live mem rows stage line_protocol"
  ).split(" "),
);

/** Names of datasets, windows and the project: small letters, digits and underscores. */
export function checkRelationName(name: string, problems: Problems): boolean {
  if (!RELATION_NAME.test(name)) {
    problems.add(
      `the name ${show(name)}`,
      "small letters, digits and underscores, a letter first, at most 63",
      suggestion(name),
    );
    return false;
  }
  if (!RESERVED.has(name)) return true;
  problems.add(`the name ${show(name)}`, "a name that SQL does not use itself", `"${name}_rows"`);
  return false;
}

function suggestion(name: string): string {
  const snake = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, "_")
    .replace(/^[^a-z]+/, "")
    .slice(0, 63);
  return snake === "" ? '"ticks"' : JSON.stringify(snake);
}

/** Names of columns, grouping columns and measures: capitals too, as JSON often has them. */
export function checkColumnName(name: string, problems: Problems): boolean {
  if (COLUMN_NAME.test(name)) return true;
  problems.add(
    `the name ${show(name)}`,
    "letters, digits and underscores, a letter first, at most 63",
    JSON.stringify(name.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^[^A-Za-z]+/, "") || "price"),
  );
  return false;
}

/** SQL does not tell `Price` from `price`: reports the second of two such names. */
export function checkNoTwins(names: readonly string[], problems: Problems): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const earlier = seen.get(name.toLowerCase());
    if (earlier !== undefined) {
      problems
        .at(name)
        .add(
          `a second column ${show(name)}`,
          "names that differ in more than capitals",
          "rename it",
        );
    }
    seen.set(name.toLowerCase(), name);
  }
}

/** A column by its name, or a problem with the nearest one that exists. */
export function nameHint(name: unknown, known: readonly string[]): string {
  const near = typeof name === "string" ? nearest(name, known) : undefined;
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  return known.length === 0 ? "declare a column first" : `one of ${known.join(", ")}`;
}
