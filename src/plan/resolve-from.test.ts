import { describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  hopping,
  max,
  session,
  sum,
  tumbling,
} from "../index.ts";
import { type Problem } from "./problem.ts";
import { resolveProject } from "./resolve.ts";

const columns = { time: column.timestamp(), symbol: column.text(), price: column.float64() };
const ticks = dataset({ columns, eventTime: "time" });

/** What untyped JavaScript could have written. */
const loose = dataset as (spec: unknown) => typeof ticks;
const looseWindow = tumbling as unknown as (spec: unknown) => ReturnType<typeof tumbling>;

function problems(definition: unknown): readonly Problem[] {
  try {
    resolveProject(definition);
  } catch (error) {
    if (!isKurobeError(error, "KRB_PROJECT_INVALID")) throw error;
    return error.details["problems"] as readonly Problem[];
  }
  return [];
}

describe("windows over windows", () => {
  it("use what results keep, and decide nothing about late rows", () => {
    const make = { tumbling, hopping, session } as unknown as Readonly<
      Record<"tumbling" | "hopping" | "session", (spec: unknown) => ReturnType<typeof tumbling>>
    >;
    const found = (spec: object, lower: object = {}, kind: keyof typeof make = "tumbling") => {
      const { kind: lowerKind = "tumbling", ...rest } = lower as { kind?: keyof typeof make };
      const size = lowerKind === "session" ? { gap: "5m" } : { size: "5m" };
      const bars = make[lowerKind]({
        from: ticks,
        ...size,
        by: ["symbol"],
        measure: { n: count() },
        ...rest,
      });
      const upper = make[kind]({ from: bars, size: "1h", measure: { n: sum("n") }, ...spec });
      const list = problems(
        defineProject({ name: "p", datasets: { ticks }, windows: { upper, bars } }),
      );
      return list.map((one) => `${one.path}: ${one.found}`);
    };
    expect(found({})).toEqual([]);
    expect(found({ by: ["symbol"], where: col("symbol").ne("A") })).toEqual([]);
    // Only what a result keeps through its corrections can say where it belongs.
    expect(found({ by: ["n"] })).toEqual(['windows.upper.by[0]: "n"']);
    expect(found({ where: col("n").gt(3) })).toEqual(['windows.upper.where.gt[0]: "n"']);
    expect(found({ measure: { x: sum("price") } })).toEqual([
      'windows.upper.measure.x.sum: "price"',
    ]);
    expect(found({ measure: { x: max("window_end"), n: sum("revision") } })).toEqual([]);
    expect(found({ allowedLateness: "1h", late: "side" })).toEqual([
      'windows.upper.allowedLateness: "1h"',
      'windows.upper.late: "side"',
    ]);
    expect(found({ emit: "update" })).toEqual(['windows.upper.emit: "update"']);
    expect(found({ size: "1h", every: "5m" }, {}, "hopping")).toEqual([
      "windows.upper.from: a hopping window over a window",
    ]);
    expect(found({ gap: "1h" }, {}, "session")).toEqual([
      "windows.upper.size: an unknown key",
      "windows.upper.from: a session window over a window",
    ]);
    expect(found({}, { kind: "session" })).toEqual(["windows.upper.from: a session window"]);
  });

  it("have results that lie whole in them", () => {
    const found = (
      lower: readonly [string, (string | undefined)?, string?],
      upper: readonly [string, string?],
    ): readonly string[] => {
      const zone = (timezone: string | undefined): object =>
        timezone === undefined ? {} : { timezone };
      const [size, every, timezone] = lower;
      const bars = (every === undefined ? looseWindow : (hopping as unknown as typeof looseWindow))(
        {
          from: ticks,
          size,
          ...(every === undefined ? {} : { every }),
          ...zone(timezone),
          measure: { n: count() },
        },
      );
      const days = looseWindow({
        from: "bars",
        size: upper[0],
        ...zone(upper[1]),
        measure: { n: sum("n") },
      });
      const project = defineProject({ name: "p", datasets: { ticks }, windows: { bars, days } });
      return problems(project).map((one) => `${one.path}: ${one.found}`);
    };
    expect(found(["1m"], ["1h"])).toEqual([]);
    expect(found(["1h"], ["1 day"])).toEqual([]);
    expect(found(["1 day"], ["1 month"])).toEqual([]);
    expect(found(["1 day"], ["48h"])).toEqual([]);
    expect(found(["1 month"], ["1 year"])).toEqual([]);
    expect(found(["10m", "1m"], ["5m"])).toEqual([]);
    expect(found(["1h"], ["1 day", "Europe/Berlin"])).toEqual([]);
    expect(found(["15m"], ["1 week", "Asia/Kathmandu"])).toEqual([]);
    expect(found(["1 day", undefined, "Asia/Tokyo"], ["1 week", "Asia/Tokyo"])).toEqual([]);
    expect(found(["7m"], ["1h"])).toEqual(["windows.days.size: 1h over windows of 7m"]);
    expect(found(["1h"], ["1m"])).toEqual(["windows.days.size: 1m over windows of 1h"]);
    expect(found(["7m"], ["1 day"])).toEqual(["windows.days.size: 1 day over windows of 7m"]);
    expect(found(["1h"], ["1 day", "Asia/Kolkata"])).toEqual([
      "windows.days.size: 1 day in Asia/Kolkata over windows of 1h",
    ]);
    expect(found(["1h"], ["1 day", "Australia/Lord_Howe"])).toHaveLength(1);
    expect(found(["1 day", undefined, "Asia/Tokyo"], ["1 day"])).toHaveLength(1);
    expect(found(["1 week"], ["1 month"])).toHaveLength(1);
    expect(found(["2 days"], ["1 week"])).toHaveLength(1);
    expect(found(["1 week"], ["336h"])).toHaveLength(1);
    expect(found(["1 month"], ["1 day"])).toHaveLength(1);
  });

  it("do not read themselves in the end", () => {
    const over = (from: unknown): ReturnType<typeof tumbling> =>
      looseWindow({ from, size: "1h", measure: { n: count() } });
    const list = problems(
      defineProject({
        name: "p",
        datasets: { ticks },
        windows: { a: over("b"), b: over("c"), c: over("a"), own: over("own") },
      }),
    );
    expect(list.map((one) => `${one.path}: ${one.found}`)).toEqual([
      'windows.c.from: "a"',
      'windows.own.from: "own"',
    ]);
    expect(list[0]?.write).toBe("one of ticks");
  });

  it("read what the project lists", () => {
    const found = (from: unknown): string | undefined =>
      problems(
        defineProject({
          name: "p",
          datasets: { ticks },
          windows: { unlisted: looseWindow({ from, size: "1h", measure: { n: count() } }) },
        }),
      )[0]?.found;
    expect(found(loose({ columns, eventTime: "time" }))).toBe(
      "a dataset that the project does not list",
    );
    expect(found(looseWindow({ from: ticks, size: "1m", measure: { n: count() } }))).toBe(
      "a window that the project does not list",
    );
    expect(found("tics")).toBe('"tics"');
    expect(found(undefined)).toBe("nothing");
  });
});
