import { describe, expect, it } from "vitest";
import {
  alert,
  column,
  count,
  dataset,
  defineProject,
  files,
  threshold,
  tumbling,
  webhook,
} from "../index.ts";
import { diffPlans } from "./diff.ts";
import { explainPlan } from "./explain.ts";
import { type Plan } from "./plan.ts";
import { resolveProject } from "./resolve.ts";

const columns = { at: column.timestamp(), id: column.text(), n: column.int32() };

function plan(spec: object = {}, window: object | null = {}, name = "p"): Plan {
  const make = dataset as (spec: unknown) => ReturnType<typeof dataset>;
  const makeWindow = tumbling as unknown as (spec: unknown) => ReturnType<typeof tumbling>;
  const ticks = make({ columns, eventTime: "at", ...spec });
  const bars = makeWindow({ from: ticks, size: "5m", measure: { rows: count() }, ...window });
  return resolveProject(
    defineProject({ name, datasets: { ticks }, windows: window === null ? {} : { bars } }),
  );
}

const diff = (before: Plan, after: Plan): readonly string[] =>
  diffPlans(before, after).map((one) => `${one.kind} ${one.subject}`);

const withColumn = (extra: object): object => ({ columns: { ...columns, ...extra } });

describe("changes between plans", () => {
  it("name everything that stays", () => {
    expect(diff(plan(), plan())).toEqual(["keep datasets.ticks", "keep windows.bars"]);
    expect(diff(plan(), plan({}, {}, "q"))).toContain("keep name");
  });

  it("say what becomes of alerts, sinks and sources", () => {
    const rows = dataset({ columns, eventTime: "at" });
    const bars = tumbling({ from: rows, size: "5m", measure: { n: count() } });
    const project = (above: number | null, url: string | null, path: string | null): Plan =>
      resolveProject(
        defineProject({
          name: "p",
          datasets: { ticks: rows },
          windows: { bars },
          alerts:
            above === null
              ? {}
              : { busy: alert({ on: bars, when: threshold({ of: "n", above }) }) },
          sinks: url === null ? {} : { hook: webhook({ from: bars, url }) },
          sources: path === null ? {} : { folder: files({ into: rows, path }) },
        } as never),
      );
    const none = project(null, null, null);
    const some = project(3, "https://example.com/a", "in/*.ndjson");
    const other = project(4, "https://example.com/b", "in/*.csv");
    const of = (before: Plan, after: Plan): readonly string[] =>
      diffPlans(before, after)
        .filter(({ subject }) => !/^(datasets|windows)/.test(subject))
        .map(({ kind, subject, reason }) => `${kind} ${subject}: ${reason}`);
    expect(of(none, some)).toEqual([
      "add alerts.busy: a new alert, over results that come from now on",
      "add sinks.hook: a new sink, which gets what comes from now on",
      "add sources.folder: a new source, read from its beginning",
    ]);
    expect(of(some, other)).toEqual([
      "keep alerts.busy: what is pending and firing begins anew with the next results",
      "keep sinks.hook: applies to what is delivered from now on",
      "keep sources.folder: applies to what is read from now on",
    ]);
    expect(of(some, none)).toEqual([
      "destructive alerts.busy: it is gone from the project: its history is removed",
      "keep sinks.hook: nothing is delivered to it any more; what waits for it is forgotten",
      "keep sources.folder: nothing is read from it any more; its rows stay",
    ]);
    const text = explainPlan(some);
    for (const part of [
      "alert busy on bars\n  fires        n above 3",
      "sink hook (webhook) from bars\n  begins       with what comes after it is declared",
      "source folder (files) into ticks\n  path         in/*.ndjson",
    ]) {
      expect(text).toContain(part);
    }
  });

  it("carry windows along with what they read", () => {
    const chain = (size: string, names = ["bars", "hours", "days"]): Plan => {
      const rows = dataset({ columns, eventTime: "at" });
      const over = (from: unknown, length: string): ReturnType<typeof tumbling> =>
        tumbling({ from, size: length, measure: { n: count() } } as never);
      // Declared from the top down, and with names in an order of their own.
      const windows = {
        days: over("hours", "1 day"),
        hours: over("bars", "1h"),
        bars: over(rows, size),
        other: over(rows, "1h"),
      };
      return resolveProject(
        defineProject({
          name: "p",
          datasets: { ticks: rows },
          windows: Object.fromEntries(
            Object.entries(windows).filter(([name]) => name === "other" || names.includes(name)),
          ),
        }),
      );
    };
    expect(diff(chain("5m"), chain("1m"))).toEqual([
      "rebuild windows.bars",
      "rebuild windows.days",
      "rebuild windows.hours",
      "keep datasets.ticks",
      "keep windows.other",
    ]);
    expect(diff(chain("5m", ["bars"]), chain("5m"))).toEqual([
      "add windows.days",
      "add windows.hours",
      "keep datasets.ticks",
      "keep windows.bars",
      "keep windows.other",
    ]);
    expect(explainPlan(chain("5m"))).toContain("corrections  follow those of hours");
  });

  it("take new columns where stored rows have a value for them", () => {
    const added = (extra: object): string | undefined => diff(plan(), plan(withColumn(extra)))[0];
    expect(added({ x: column.text().nullable() })).toBe("add datasets.ticks.columns.x");
    expect(added({ x: column.text().default("a") })).toBe("add datasets.ticks.columns.x");
    expect(added({ x: column.text() })).toBe("impossible datasets.ticks.columns.x");
  });

  it("keep stored values in a wider type, and take no other type for harmless", () => {
    const kind = (from: object, to: object): string | undefined =>
      diff(plan(withColumn({ n: from })), plan(withColumn({ n: to })))
        .find((one) => one.endsWith("datasets.ticks.columns.n"))
        ?.split(" ")[0];
    expect(kind(column.int32(), column.int64())).toBe("keep");
    expect(kind(column.int32(), column.float64())).toBe("keep");
    expect(kind(column.int64(), column.decimal(19, 0))).toBe("keep");
    expect(kind(column.int64(), column.decimal(20, 2))).toBe("destructive");
    expect(kind(column.decimal(10, 2), column.decimal(12, 4))).toBe("keep");
    expect(kind(column.decimal(10, 2), column.decimal(12, 1))).toBe("destructive");
    expect(kind(column.int64(), column.int32())).toBe("destructive");
    expect(kind(column.int64(), column.float64())).toBe("destructive");
    expect(kind(column.int32(), column.text())).toBe("destructive");
    expect(kind(column.text(), column.json())).toBe("destructive");
    expect(kind(column.int32().nullable(), column.int32())).toBe("keep");
    expect(kind(column.int32(), column.int32().nullable())).toBe("keep");
  });

  it("keep rows under a finer key, and lose some under another one", () => {
    const keyed = (key: readonly string[]): Plan => plan(key.length === 0 ? {} : { key });
    const rekeyed = (from: readonly string[], to: readonly string[]): readonly string[] =>
      diff(keyed(from), keyed(to));
    expect(rekeyed(["id"], ["id", "at"])).toEqual(["keep datasets.ticks.key", "keep windows.bars"]);
    expect(rekeyed(["id"], [])).toContain("keep datasets.ticks.key");
    expect(rekeyed([], ["id"])).toEqual(["destructive datasets.ticks.key", "rebuild windows.bars"]);
    expect(rekeyed(["id", "at"], ["at"])).toContain("destructive datasets.ticks.key");
  });

  it("cannot place stored rows by another event time", () => {
    const two = { columns: { ...columns, seen: column.timestamp() } };
    expect(diff(plan(two), plan({ ...two, eventTime: "seen" }))).toContain(
      "impossible datasets.ticks.eventTime",
    );
  });

  it("are destructive where stored values are lost", () => {
    const { n: _, ...fewer } = columns;
    expect(diff(plan(), plan({ columns: fewer }))).toContain(
      "destructive datasets.ticks.columns.n",
    );
    expect(diff(plan(), plan({}, null))).toContain("destructive windows.bars");
    expect(diff(plan({}, null), plan())).toContain("add windows.bars");
  });

  it("compute windows again where their results would differ", () => {
    expect(diff(plan(), plan({}, { size: "10m" }))).toContain("rebuild windows.bars");
    expect(diff(plan(), plan({}, { by: ["id"] }))).toContain("rebuild windows.bars");
    expect(diff(plan(), plan({}, { allowedLateness: "10m" }))).toContain("keep windows.bars");
    expect(diff(plan(), plan({ watermark: { outOfOrderness: "1s" } }))).toEqual([
      "keep datasets.ticks.watermark",
      "keep windows.bars",
    ]);
  });
});

describe("a plan in words", () => {
  it("shows the defaults too", () => {
    const text = explainPlan(plan({}, { where: undefined, by: ["id"], allowedLateness: "10m" }));
    expect(text.replace(/\(.{12}\)/, "(…)")).toMatchInlineSnapshot(`
      "project p (…)

      dataset ticks
        at  timestamp
        id  text
        n   int32
        event time   at
        key          none: every row is kept
        watermark    0s behind the newest event time
        idle after   1m
        future skew  at most 10m
        duplicates   kept

      window bars over ticks
        size         5m
        by           id
        rows = count()  (int64)
        late rows    correct the result for 10m, then go to late_rows"
    `);
  });
});
