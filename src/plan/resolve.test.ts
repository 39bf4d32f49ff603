import { describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import {
  approxCountDistinct,
  approxQuantile,
  avg,
  coalesce,
  col,
  column,
  count,
  dataset,
  defineProject,
  first,
  hopping,
  max,
  median,
  min,
  quantile,
  session,
  sum,
  top,
  tumbling,
  when,
} from "../index.ts";
import { type Expression } from "../project/expression.ts";
import { typeName } from "./column-type.ts";
import { type Problem } from "./problem.ts";
import { resolveProject } from "./resolve.ts";

const columns = {
  time: column.timestamp({ unit: "ms" }),
  symbol: column.text(),
  price: column.decimal(18, 4),
  qty: column.int64(),
  size: column.int32().nullable(),
  ratio: column.float64().nullable(),
  sent: column.timestamp().nullable(),
  day: column.date().nullable(),
  extra: column.json().nullable(),
  isOpen: column.boolean().default(true),
};
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

const inDataset = (spec: object): readonly Problem[] =>
  problems(
    defineProject({
      name: "p",
      datasets: { ticks: loose({ columns, eventTime: "time", ...spec }) },
    }),
  );
const inWindow = (spec: object): readonly Problem[] =>
  problems(
    defineProject({
      name: "p",
      datasets: { ticks },
      windows: { bars: looseWindow({ from: ticks, size: "5m", measure: { n: count() }, ...spec }) },
    }),
  );
const places = (list: readonly Problem[]): readonly string[] => list.map((one) => one.path);

describe("a resolved project", () => {
  const bars = tumbling({
    from: ticks,
    size: "5m",
    by: ["symbol"],
    measure: {
      open: first("price"),
      range: max("price").minus(min("price")),
      volume: sum("qty"),
      n: count(),
    },
  });
  const plan = resolveProject(
    defineProject({ name: "market", datasets: { ticks }, windows: { bars } }),
  );

  it("has every default filled in", () => {
    expect(plan.datasets[0]).toMatchObject({
      key: [],
      watermark: { outOfOrdernessUs: 0, idleTimeoutUs: 60_000_000, maxFutureSkewUs: 600_000_000 },
      dedup: null,
    });
    expect(plan.windows[0]).toMatchObject({
      timezone: "UTC",
      allowedLatenessUs: 0,
      late: "update",
    });
  });

  it("knows the columns of its results", () => {
    const found = plan.windows[0]?.columns.map(
      (one) => `${one.name} ${typeName(one.type)}${one.nullable ? "?" : ""}`,
    );
    expect(found).toEqual([
      "window_start timestamp",
      "window_end timestamp",
      "symbol text",
      "open decimal(18, 4)?",
      "range decimal(19, 4)?",
      "volume int64?",
      "n int64",
      "revision int64",
    ]);
  });

  it("is frozen, plain JSON, with a fingerprint of its content alone", () => {
    expect(Object.isFrozen(plan.datasets[0]?.columns[0])).toBe(true);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    const again = resolveProject(
      defineProject({ name: "market", windows: { bars }, datasets: { ticks } }),
    );
    expect(again.fingerprint).toBe(plan.fingerprint);
    const other = resolveProject(defineProject({ name: "market", datasets: { ticks } }));
    expect(other.fingerprint).not.toBe(plan.fingerprint);
  });

  it("writes constants down exactly", () => {
    const spec = {
      time: column.timestamp(),
      big: column.int64().default(2n ** 63n - 1n),
      price: column.decimal(10, 2).default(1.5),
      since: column.timestamp().default("2024-02-29T09:00:00.5+09:00"),
      tags: column.json().default({ a: [1] }),
    };
    const one = dataset({ columns: spec, eventTime: "time" });
    const resolved = resolveProject(defineProject({ name: "p", datasets: { one } }));
    expect(resolved.datasets[0]?.columns.slice(1).map((each) => each.default)).toEqual([
      "9223372036854775807",
      "1.50",
      "2024-02-29T00:00:00.500000Z",
      '{"a":[1]}',
    ]);
  });

  it("takes calendar sizes and zones", () => {
    const size = (text: string): unknown =>
      resolveProject(
        defineProject({
          name: "p",
          datasets: { ticks },
          windows: {
            w: tumbling({
              from: ticks,
              size: text,
              timezone: "Asia/Kolkata",
              measure: { n: count() },
            }),
          },
        }),
      ).windows.map((window) => (window.kind === "tumbling" ? window.size : undefined))[0];
    expect(size("1 day")).toEqual({ kind: "calendar", unit: "day", count: 1 });
    expect(size("2w")).toEqual({ kind: "calendar", unit: "week", count: 2 });
    expect(size("1 month")).toEqual({ kind: "calendar", unit: "month", count: 1 });
    expect(size("1 year")).toEqual({ kind: "calendar", unit: "month", count: 12 });
  });
});

describe("mistakes in a project", () => {
  it("are reported together, each with its place and a way out", () => {
    const list = problems(
      defineProject({
        name: "My Project",
        datasets: { ticks: loose({ columns, eventTime: "tiem", keys: ["id"] }) },
        windows: { bars: looseWindow({ from: "tics", size: "5 minuets", measure: {} }) },
      }),
    );
    expect(places(list)).toEqual([
      "name",
      "datasets.ticks.keys",
      "datasets.ticks.eventTime",
      "windows.bars.from",
      "windows.bars.size",
    ]);
    expect(list.map((one) => one.write)).toEqual([
      '"my_project"',
      'did you mean "key"?',
      'did you mean "time"?',
      'did you mean "ticks"?',
      expect.stringContaining('"5m"'),
    ]);
  });

  it("include what is no project at all", () => {
    expect(problems({ name: "p" })).toMatchObject([{ path: "", expected: "a project" }]);
    expect(problems(undefined)).toMatchObject([{ found: "nothing" }]);
    expect(places(problems(defineProject({ name: "p", datasets: {} })))).toEqual(["datasets"]);
    expect(places(problems(defineProject({ name: "p", datasets: { a: 5 as never } })))).toEqual([
      "datasets.a",
    ]);
  });

  it("include names that clash, are reserved, or mean two things", () => {
    const bars = tumbling({ from: ticks, size: "5m", measure: { n: count() } });
    expect(
      places(
        problems(
          defineProject({ name: "p", datasets: { ticks, order: ticks }, windows: { ticks: bars } }),
        ),
      ),
    ).toEqual(["datasets.order", "datasets.order", "windows.ticks"]);
    expect(places(problems(defineProject({ name: "p", datasets: { _ticks: ticks } })))).toEqual([
      "datasets._ticks",
    ]);
  });

  it("include columns that cannot be", () => {
    const list = inDataset({
      columns: {
        time: column.timestamp({ zone: "Asia/Tokio", unit: "min" as never }),
        _seq: column.int64(),
        price: column.decimal(39, 2),
        a: column.text().default(5 as never),
        A: column.text(),
        b: column.text,
        n: column.int32().default(2 ** 31),
        x: column.float64().default(null as never),
      },
    });
    expect(places(list)).toEqual([
      "datasets.ticks.columns.A",
      "datasets.ticks.columns.time.zone",
      "datasets.ticks.columns.time.unit",
      "datasets.ticks.columns._seq",
      "datasets.ticks.columns.price",
      "datasets.ticks.columns.a.default",
      "datasets.ticks.columns.b",
      "datasets.ticks.columns.n.default",
      "datasets.ticks.columns.x.default",
    ]);
  });

  it("include event times, keys and horizons that cannot work", () => {
    expect(places(inDataset({ eventTime: "sent" }))).toEqual(["datasets.ticks.eventTime"]);
    expect(places(inDataset({ eventTime: "symbol" }))).toEqual(["datasets.ticks.eventTime"]);
    expect(places(inDataset({ key: ["symbol", "size", "extra", "symbol", "nope"] }))).toEqual([
      "datasets.ticks.key[1]",
      "datasets.ticks.key[2]",
      "datasets.ticks.key[3]",
      "datasets.ticks.key[4]",
    ]);
    expect(places(inDataset({ dedup: { within: "0s", by: "symbol" } }))).toEqual([
      "datasets.ticks.dedup.by",
      "datasets.ticks.dedup.within",
    ]);
    expect(places(inDataset({ watermark: { outOfOrderness: "-5s", idleTimeout: "0s" } }))).toEqual([
      "datasets.ticks.watermark.outOfOrderness",
      "datasets.ticks.watermark.idleTimeout",
    ]);
    expect(inDataset({ watermark: { idleTimeout: null } })).toEqual([]);
  });

  it("include windows that cannot be", () => {
    const sizes = ["0m", "-5m", "1us", "400 days", "0 days", 5, undefined];
    expect(sizes.map((size) => places(inWindow({ size })))).toEqual(
      sizes.map(() => ["windows.bars.size"]),
    );
    expect(places(inWindow({ timezone: "Asia/Tokyo" }))).toEqual(["windows.bars.timezone"]);
    const zones = ["Mars/Base", "+09:00", "asia/tokyo", "EST", 9];
    expect(zones.map((timezone) => places(inWindow({ size: "1 day", timezone })))).toEqual(
      zones.map(() => ["windows.bars.timezone"]),
    );
    expect(places(inWindow({ late: "drop", allowedLateness: "-1s" }))).toEqual([
      "windows.bars.allowedLateness",
      "windows.bars.late",
    ]);
    expect(places(inWindow({ by: ["symbl", "extra"] }))).toEqual([
      "windows.bars.by[0]",
      "windows.bars.by[1]",
    ]);
    expect(
      places(
        inWindow({ by: { window_end: "symbol" }, measure: { Symbol: count(), revision: count() } }),
      ),
    ).toEqual(["windows.bars.by.window_end", "windows.bars.measure.revision"]);
    expect(places(inWindow({ by: ["symbol"], measure: { Symbol: count() } }))).toEqual([
      "windows.bars.Symbol",
    ]);
  });

  it("include slides that do not fit", () => {
    const hop = hopping as unknown as (spec: unknown) => ReturnType<typeof hopping>;
    const found = (spec: object): readonly string[] => {
      const windows = { bars: hop({ from: ticks, measure: { n: count() }, ...spec }) };
      return problems(defineProject({ name: "p", datasets: { ticks }, windows })).map(
        ({ path, write }) => `${path.replace("windows.bars.", "")} ${write}`,
      );
    };
    expect(found({ size: "1h", every: "5m" })).toEqual([]);
    expect(found({ size: "1 day", every: "1h" })).toEqual([]);
    expect(found({ size: "2 weeks", every: "1 day", timezone: "Asia/Tokyo" })).toEqual([]);
    expect(found({ size: "7m", every: "2m" })).toEqual(['size size: "8m"']);
    expect(found({ size: "1m", every: "5m" })).toEqual(['size size: "5m"']);
    expect(found({ size: "10 days", every: "1 week" })).toEqual(['size size: "14 days"']);
    expect(found({ size: "1 month", every: "1 day" })).toEqual(['every every: "1 month"']);
    expect(found({ size: "1 day", every: "1h", timezone: "Asia/Tokyo" })).toEqual([
      'timezone leave it out, or take a size of the calendar such as "1 day"',
      'every every: "1 day"',
    ]);
    expect(found({ size: "1 day", every: "1s" })).toEqual(["every let windows begin less often"]);
    expect(found({ size: "1h" })).toEqual([expect.stringMatching(/^every "30s"/)]);
    expect(places(inWindow({ every: "1m" }))).toEqual(["windows.bars.every"]);
  });

  it("include sessions that cannot be", () => {
    const visits = session as unknown as (spec: unknown) => ReturnType<typeof session>;
    const found = (spec: object, extra: object = {}): readonly string[] => {
      const rows = loose({ columns, eventTime: "time", ...extra });
      const windows = { visits: visits({ from: rows, measure: { n: count() }, ...spec }) };
      return places(problems(defineProject({ name: "p", datasets: { events: rows }, windows })));
    };
    expect(found({ gap: "30m" })).toEqual([]);
    for (const gap of ["0s", "-1s", "soon", 5, undefined]) {
      expect(found({ gap })).toEqual(["windows.visits.gap"]);
    }
    expect(found({ gap: "30m", size: "1h", timezone: "UTC" })).toEqual([
      "windows.visits.size",
      "windows.visits.timezone",
    ]);
    expect(found({ gap: "30m" }, { key: ["symbol", "time"] })).toEqual(["windows.visits.from"]);
  });

  it("include early results that cannot be", () => {
    const places = (spec: object): readonly string[] =>
      inWindow(spec).map((one) => `${one.path.replace("windows.bars.", "")}: ${one.found}`);
    expect(places({ emit: "update" })).toEqual([]);
    expect(places({ emit: "close" })).toEqual([]);
    expect(places({ emit: "update", throttle: "250ms" })).toEqual([]);
    expect(places({ emit: "early" })).toEqual(['emit: "early"']);
    expect(places({ throttle: "5s" })).toEqual(['throttle: "5s"']);
    expect(places({ emit: "update", throttle: "100ms" })).toEqual(['throttle: "100ms"']);
    expect(places({ emit: "update", throttle: 5 })).toEqual(["throttle: 5"]);
  });

  it("do not follow from one another", () => {
    const broken = loose({
      columns: { ...columns, price: column.decimal(99, 1) },
      eventTime: "time",
    });
    const bars = looseWindow({ from: broken, size: "5m", measure: { open: first("price") } });
    const list = problems(
      defineProject({ name: "p", datasets: { ticks: broken }, windows: { bars } }),
    );
    expect(places(list)).toEqual(["datasets.ticks.columns.price"]);
  });
});

describe("types of expressions", () => {
  const found = (expression: unknown): string => {
    const windows = {
      w: looseWindow({ from: ticks, size: "5m", by: { x: expression }, measure: { n: count() } }),
    };
    const project = defineProject({ name: "p", datasets: { ticks }, windows });
    const [problem] = problems(project);
    if (problem !== undefined)
      return `${problem.path.replace("windows.w.by.", "")}: ${problem.found}`;
    const type = resolveProject(project).windows[0]?.by[0]?.type;
    return type === undefined ? "nothing" : typeName(type);
  };

  it("follow from those of their parts", () => {
    const cases: readonly (readonly [Expression, string])[] = [
      [col("qty").plus(1), "int64"],
      [col("size").plus(col("size")), "int64"],
      [col("qty").times(1.5), "float64"],
      [col("price").times(1.5), "decimal(20, 5)"],
      [col("price").plus(col("qty")), "decimal(24, 4)"],
      [col("price").times(col("price")), "decimal(36, 8)"],
      [col("price").dividedBy(2), "float64"],
      [col("price").modulo("0.25"), "decimal(18, 4)"],
      [col("price").round(2), "decimal(17, 2)"],
      [col("qty").round(2), "int64"],
      [col("ratio").floor(), "float64"],
      [col("price").gt(1), "boolean"],
      [coalesce(col("size"), col("price"), 0), "decimal(18, 4)"],
      [when(col("qty").gt(1)).then(1).otherwise(null), "int64"],
      [when(col("qty").gt(1)).then("a").otherwise(col("symbol")), "text"],
      [col("time").truncate("day", "Asia/Tokyo"), "timestamp"],
      [col("day").truncate("month"), "date"],
      [col("time").extract("hour"), "int64"],
      [col("time").microsecondsSince("2024-01-01T00:00:00Z"), "int64"],
      [col("time").plusDuration("-1 day"), "timestamp"],
      [col("symbol").cast("decimal(10, 2)"), "decimal(10, 2)"],
      [col("extra").cast("text"), "text"],
    ];
    expect(cases.map(([expression]) => found(expression))).toEqual(cases.map(([, type]) => type));
  });

  it("are refused with the place inside the expression", () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [col("symbol").plus(1), "x.plus[0]: text"],
      [col("price").gt("abc"), 'x.gt[1]: "abc"'],
      [col("price").gt(col("symbol")), "x.gt[1]: text"],
      [col("time").gt("yesterday"), 'x.gt[1]: "yesterday"'],
      [col("price").eq(null), "x.eq[1]: null"],
      [col("extra").eq("a"), "x.eq[0]: json"],
      [col("qty").gt(1).and(col("symbol")), "x.and[1]: text"],
      [col("qty").gt(1).and(col("qtty").gt(2)), 'x.and[1].gt[0]: "qtty"'],
      [col("symbol").in([]), "x.in[1]: an empty list"],
      [col("price").round(-1), "x.round[1]: -1"],
      [col("symbol").substring(0), "x.substring[1]: 0"],
      [col("time").truncate("decade" as never), 'x.truncate[1]: "decade"'],
      [col("time").truncate("day", "Nowhere"), 'x.truncate[2]: "Nowhere"'],
      [col("day").truncate("hour"), 'x.truncate[1]: "hour"'],
      [col("time").plusDuration("1 month"), 'x.plusDuration[1]: "1 month"'],
      [col("ratio").cast("text"), "x.cast[1]: text"],
      [col("symbol").cast("varchar" as never), 'x.cast[1]: "varchar"'],
      [col("ratio").gt(Number.NaN), "x.gt[1]: NaN"],
      [when(col("qty").gt(1)).then(1).otherwise("a"), 'x.when[2]: "a"'],
      [when(col("qty")).then(1).otherwise(2), "x.when[0]: int64"],
      [count(), "x: the aggregate count(…)"],
      [5, "x: 5"],
      ["nope", 'x: "nope"'],
    ];
    expect(cases.map(([expression]) => found(expression))).toEqual(cases.map(([, text]) => text));
  });

  it("are bounded in size", () => {
    let deep: Expression = col("qty");
    for (let level = 0; level < 60; level++) deep = deep.plus(1);
    expect(found(deep)).toContain("an expression in an expression");
    let wide: Expression = col("symbol");
    for (let level = 0; level < 12; level++) wide = wide.concat(wide);
    expect(found(wide)).toBe("x: a huge expression");
  });
});

describe("types of measures", () => {
  const found = (measure: unknown): string => {
    const windows = { w: looseWindow({ from: ticks, size: "5m", measure: { x: measure } }) };
    const project = defineProject({ name: "p", datasets: { ticks }, windows });
    const [problem] = problems(project);
    if (problem !== undefined)
      return `${problem.path.replace("windows.w.measure.", "")}: ${problem.found}`;
    const type = resolveProject(project).windows[0]?.measures[0]?.type;
    return type === undefined ? "nothing" : typeName(type);
  };

  it("follow from the aggregate and its argument", () => {
    expect(found(sum("size"))).toBe("int64");
    expect(found(sum("price"))).toBe("decimal(38, 4)");
    expect(found(sum(col("price").times(col("qty"))))).toBe("decimal(38, 4)");
    expect(found(sum("ratio"))).toBe("float64");
    expect(found(avg("price"))).toBe("float64");
    expect(found(max("symbol"))).toBe("text");
    expect(found(first("extra"))).toBe("json");
    expect(found(sum("price").dividedBy(count()))).toBe("float64");
    expect(found(count().where(col("isOpen")).gt(3))).toBe("boolean");
    expect(found(approxCountDistinct("symbol"))).toBe("int64");
    expect(found(median("price"))).toBe("float64");
    expect(found(quantile("qty", 0.99).minus(approxQuantile("ratio", 0)))).toBe("float64");
    expect(found(top(3, "price", ["symbol", "time"]))).toBe("json");
  });

  it("are refused with their place", () => {
    expect(found(sum("symbol"))).toBe("x.sum: text");
    expect(found(max("extra"))).toBe("x.max: json");
    expect(found(max("prise"))).toBe('x.max: "prise"');
    expect(found(count().where(col("symbol")))).toBe("x.count.where: text");
    expect(found(max("price").minus(col("price") as never))).toContain("of a single row");
    expect(found(sum(count() as never))).toBe("x.sum: the aggregate count(…)");
    expect(found(sum(undefined as never))).toBe("x.sum: no argument");
    expect(found(median("symbol"))).toBe("x.quantile: text");
    expect(found(quantile("price", 99))).toBe("x.quantile: 99");
    expect(found(approxQuantile("price", undefined as never))).toBe("x.approxQuantile: nothing");
    expect(found(top(0, "price"))).toBe("x.top: 0");
    expect(found(top(1.5, "price"))).toBe("x.top: 1.5");
    expect(found(top(1001, "price"))).toBe("x.top: 1001");
    expect(found(top(3, "extra"))).toBe("x.top: json");
    expect(found(top(3, "price", ["symbl"]))).toBe('x.top.columns[0]: "symbl"');
    expect(found(top(3, "price", ["symbol", "symbol"]))).toContain("a second column");
    expect(found(top(3, "price", "symbol" as never))).toBe('x.top: "symbol"');
    expect(found(top(3, "price").plus(1 as never))).toBe("x.plus[0]: json");
  });
});
