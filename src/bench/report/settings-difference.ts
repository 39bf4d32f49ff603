/** Settings and facts in which the engines of a report differ, and those in which they agree. */
import { type BenchResult } from "../result/result.ts";
import { groupBy } from "./group-by.ts";
import { engineText } from "./report-model.ts";

export interface SettingRow {
  readonly name: string;
  /** One for each result, in their order; null where it could not be read. */
  readonly values: readonly (string | null)[];
  readonly isDifferent: boolean;
}

/** One result a target: the first. Rows that differ come first. */
export function settingsDifference(results: readonly BenchResult[]): {
  readonly names: readonly string[];
  readonly rows: readonly SettingRow[];
} {
  const firsts = groupBy(results, ({ config }) => config.name).flatMap(([first]) => first ?? []);
  const facts = firsts.map(factsOf);
  const keys = [...new Set(facts.flatMap((each) => [...each.keys()]))];
  const rows = keys.map((name) => {
    const values = facts.map((each) => each.get(name) ?? null);
    return { name, values, isDifferent: new Set(values).size > 1 };
  });
  return {
    names: firsts.map(({ config }) => config.name),
    rows: rows.toSorted((left, right) => Number(right.isDifferent) - Number(left.isDifferent)),
  };
}

function factsOf(result: BenchResult): ReadonlyMap<string, string> {
  const { engine, config } = result;
  return new Map([
    ["engine", engineText(result)],
    ["address", config.target],
    ["mode", engine.mode],
    ["refused commands", engine.denied.length === 0 ? "none" : engine.denied.join(", ")],
    ...Object.entries(engine.settings).map(([name, value]): [string, string] => [
      name,
      value === "" ? '""' : value,
    ]),
  ]);
}
