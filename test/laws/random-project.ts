/**
 * Random small projects and scripts of what happens to them, for comparing the engine with the
 * oracle.
 */
import * as fc from "fast-check";
import {
  approxCountDistinct,
  approxQuantile,
  avg,
  col,
  column,
  count,
  countDistinct,
  dataset,
  defineProject,
  first,
  hopping,
  last,
  lookup,
  max,
  median,
  min,
  quantile,
  session,
  stream,
  sum,
  top,
  tumbling,
  within,
} from "../../src/index.ts";
import { type Plan } from "../../src/plan/plan.ts";
import { resolveProject } from "../../src/plan/resolve.ts";

const HOUR_US = 3_600_000_000n;
const THROTTLE = "1s";
/** After it, the next tick publishes early results again. */
export const THROTTLE_US = 1_000_000n;
export const START_US = 1_772_322_000_000_000n; // 2026-02-28T23:40:00Z: a month's end is near.

/** A row as it is sent; `v` null is left out. */
export interface SentRow {
  readonly atUs: bigint;
  readonly k: string;
  readonly v: bigint | null;
}

export type Step =
  /** Sent at once: how they are grouped must not matter. */
  | { readonly kind: "send"; readonly batches: readonly SentBatch[] }
  | { readonly kind: "wait"; readonly seconds: number }
  /** Late rows of windows that start in these minutes count after all. */
  | {
      readonly kind: "replay";
      readonly window: number;
      readonly minutes: readonly [number, number];
      /** All windows of the range are computed again, which comes to the same. */
      readonly isBackfill: boolean;
    }
  /** Rows of one replay, one body after the other, while nothing else comes. */
  | { readonly kind: "history"; readonly batches: readonly SentBatch[] }
  | { readonly kind: "end" }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "restart" };

export interface SentBatch {
  readonly dataset: string;
  readonly producer: string;
  readonly rows: readonly SentRow[];
}

const windowSpec = fc.record({
  size: fc.constantFrom<readonly string[]>(
    ["1m"],
    ["7m"],
    ["1 hour"],
    ["1 day"],
    ["1 week"],
    ["1 month"],
    // Size and slide.
    ["3m", "1m"],
    ["7m", "7m"],
    ["1 hour", "15m"],
    ["2 days", "1 day"],
    ["1 week", "1 day"],
    ["2 weeks", "1 week"],
    ["1 quarter", "1 month"],
    // Sessions: nothing but a gap.
    ["", "1m"],
    ["", "3m"],
    ["", "10m"],
  ),
  zone: fc.constantFrom<string>(
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Chatham",
  ),
  by: fc.constantFrom("none", "column", "expression"),
  isFiltered: fc.boolean(),
  lateness: fc.constantFrom<string>("0s", "2m", "3h"),
  late: fc.constantFrom("update" as const, "side" as const),
  emit: fc.constantFrom("close" as const, "update" as const),
});

export const projectSpec = fc.record({
  key: fc.constantFrom<readonly ("at" | "k")[]>([], ["k", "at"], ["at"], ["k"]),
  dedup: fc.option(
    fc.record({
      by: fc.constantFrom<readonly ("at" | "k")[]>(["k"], ["k", "at"]),
      within: fc.constantFrom("20s", "5m"),
    }),
    { nil: undefined, freq: 3 },
  ),
  outOfOrderness: fc.constantFrom("0s", "10s", "2m"),
  idleTimeout: fc.constantFrom("30s", "10m"),
  windows: fc.array(windowSpec, { minLength: 1, maxLength: 2 }),
});

type ProjectSpec = typeof projectSpec extends fc.Arbitrary<infer T> ? T : never;
type WindowSpec = ProjectSpec["windows"][number];

const columns = {
  at: column.timestamp(),
  k: column.text(),
  v: column.int64().nullable(),
};

export const randomPlan: fc.Arbitrary<Plan> = projectSpec.map((spec) => planOf(spec));

/** Sessions only, over rows that stay: late rows join them in every order. */
export const randomSessionPlan: fc.Arbitrary<Plan> = fc
  .tuple(projectSpec, fc.constantFrom("1m", "3m", "10m"))
  .map(([spec, gap]) =>
    planOf({
      ...spec,
      key: [],
      windows: spec.windows.map((window) => ({ ...window, size: ["", gap] })),
    }),
  );

/** A window over a window over a window. */
export const randomNestedPlan: fc.Arbitrary<Plan> = fc
  .tuple(
    projectSpec,
    windowSpec.filter(({ size }) => size[0] !== ""),
    fc.constantFrom("3m", "10m"),
    fc.constantFrom("1h", "1 day"),
    fc.boolean(),
  )
  .map(([spec, window, middle, upper, isGrouped]) => {
    const shortest = { ...window, size: window.isFiltered ? ["3m", "1m"] : ["1m"] };
    return planOf({ ...spec, windows: [shortest] }, (lower) => ({
      middle: tumbling({
        from: "w0",
        size: middle,
        ...(isGrouped && lower.by !== "none" ? { by: [lower.by === "column" ? "k" : "big"] } : {}),
        measure: { n: sum("n"), parts: count(), open: first("open"), close: last("close") },
      } as never),
      upper: tumbling({
        from: "middle",
        size: upper,
        measure: {
          n: sum("n"),
          parts: count(),
          close: last("close"),
          busiest: top(3, "n", ["open", "revision"]),
          usual: median("n"),
        },
      }),
    }));
  });

/** Early results of overlapping windows, also where rows are kept out while time goes on. */
export const randomEarlyPlan: fc.Arbitrary<Plan> = fc
  .tuple(
    projectSpec,
    fc.constantFrom(["3m", "1m"], ["1 hour", "15m"], ["2 days", "1 day"]),
    fc.constantFrom("events", "chosen"),
  )
  .map(([spec, size, read]) =>
    planOf(
      {
        ...spec,
        key: spec.key.length === 1 ? spec.key : [],
        windows: spec.windows.map((window) => ({ ...window, size, emit: "update" as const })),
      },
      undefined,
      read,
      { chosen: stream({ from: "events", where: col("v").gt(0) }) },
    ),
  );

/** A stream over a stream, and windows over both, over rows that stay or are replaced. */
export const randomStreamPlan: fc.Arbitrary<Plan> = fc
  .tuple(
    projectSpec.filter(({ windows }) => windows.every(({ size }) => size[0] !== "")),
    fc.constantFrom(null, col("v").gt(0), col("k").ne("a").and(col("v").isNotNull())),
    fc.constantFrom(null, col("big").or(col("k").eq("b")), col("v").ne(1)),
    fc.constantFrom("lower", "upper"),
  )
  .map(([spec, where, upperWhere, read]) =>
    planOf(spec, undefined, read, {
      lower: stream({
        from: "events",
        ...(where === null ? {} : { where }),
        select: { at: "at", k: "k", v: col("v").plus(1), big: col("v").gt(1) },
      }),
      upper: stream({ from: "lower", ...(upperWhere === null ? {} : { where: upperWhere }) }),
    }),
  );

/** Days and weeks of zones whose clocks change at night or at midnight, and days over hours. */
export const randomClockPlan: fc.Arbitrary<Plan> = fc
  .tuple(projectSpec, fc.constantFrom("Europe/Berlin", "Asia/Beirut"), windowSpec)
  .map(([spec, zone, lower]) => {
    const calendar = [["1 day"], ["2 days", "1 day"], ["1 week", "1 day"]];
    const windows = spec.windows.map((window, at) => {
      const size = calendar[(at + (window.isFiltered ? 1 : 0)) % calendar.length] ?? ["1 day"];
      return { ...window, size, zone };
    });
    return planOf({ ...spec, windows: [{ ...lower, size: ["1 hour"] }, ...windows] }, () => ({
      days: tumbling({
        from: "w0",
        size: "1 day",
        timezone: zone,
        measure: { n: sum("n"), hours: count(), best: top(2, "n", ["window_start"]) },
      }),
    }));
  });

const otherTable = fc.record({
  key: fc.constantFrom<readonly ("at" | "k")[]>([], ["k"], ["k", "at"]),
  outOfOrderness: fc.constantFrom("0s", "2m"),
});

/** Rows beside rows of two other datasets, with a stream and windows over them. */
export const randomJoinPlan: fc.Arbitrary<Plan> = fc
  .tuple(
    projectSpec.filter(({ windows }) => windows.every(({ size }) => size[0] !== "")),
    fc.tuple(otherTable, otherTable),
    fc.constantFrom("latest" as const, "event_time" as const, "event_time" as const),
    fc.tuple(fc.constantFrom("left", "inner"), fc.constantFrom("left", "inner")),
    fc.constantFrom(null, col("uv").ne(1), col("uv").isNull().or(col("v").gt(0))),
    fc.constantFrom("joined", "above"),
    fc.constantFrom(null, "0s", "5m"),
  )
  .map(([spec, [users, rates], at, kinds, where, read, allowedLateness]) => {
    const isVersioned = (key: readonly string[]): boolean => key.length !== 1;
    const lateness = at === "latest" || allowedLateness === null ? {} : { allowedLateness };
    const joins = [
      { to: "users", key: users.key, on: { k: "k" }, select: { uv: "v", uat: "at" } },
      { to: "rates", key: rates.key, on: { v: "v" }, select: { rk: "k" } },
    ].map(({ to, on, select }, index) =>
      lookup(to, { on, select, at, kind: kinds[index] as "left", ...lateness }),
    );
    const other = ({ key, outOfOrderness }: typeof users): unknown =>
      dataset({
        columns,
        eventTime: "at",
        ...(key.length === 0 || (at === "event_time" && !isVersioned(key)) ? {} : { key }),
        watermark: { outOfOrderness, idleTimeout: "30s", maxFutureSkew: "3650d" },
      });
    return planOf(
      { ...spec, dedup: undefined },
      undefined,
      read,
      {
        joined: stream({ from: "events", join: joins, ...(where === null ? {} : { where }) }),
        above: stream({ from: "joined", where: col("v").isNotNull().or(col("k").eq("a")) }),
      },
      { users: other(users), rates: other(rates) },
    );
  });

/** Pairs of rows of two datasets, and a lookup in a third one for each pair. */
export const randomPairPlan: fc.Arbitrary<Plan> = fc
  .tuple(
    projectSpec.filter(({ windows }) => windows.every(({ size }) => size[0] !== "")),
    fc.constantFrom("0s", "2m"),
    fc.constantFrom(["-10m", "10m"], ["0s", "5m"], ["-5m", "-1us"], ["0s", "0s"]),
    fc.constantFrom(null, col("v").isNull().or(col("uv").ne(1))),
    fc.constantFrom("joined", "above"),
  )
  .map(([spec, outOfOrderness, between, where, read]) => {
    const other = dataset({
      columns,
      eventTime: "at",
      watermark: { outOfOrderness, idleTimeout: "30s", maxFutureSkew: "3650d" },
    });
    const join = [
      within("users", {
        on: { k: "k" },
        select: { uv: "v", uat: "at" },
        between,
      }),
    ];
    const rates = lookup("rates", { on: { uv: "v" }, select: { rk: "k" }, at: "event_time" });
    return planOf(
      { ...spec, key: [], dedup: undefined },
      undefined,
      read,
      {
        joined: stream({ from: "events", join, ...(where === null ? {} : { where }) }),
        above: stream({ from: "joined", join: [rates] }),
      },
      {
        users: other,
        rates: dataset({ columns, eventTime: "at", watermark: { maxFutureSkew: "3650d" } }),
      },
    );
  });

export function planOf(
  spec: ProjectSpec,
  above: (lowest: WindowSpec) => Readonly<Record<string, unknown>> = () => ({}),
  read = "events",
  streams: Readonly<Record<string, unknown>> = {},
  others: Readonly<Record<string, unknown>> = {},
): Plan {
  const rows = dataset({
    columns,
    eventTime: "at",
    ...(spec.key.length === 0 ? {} : { key: [...spec.key] }),
    watermark: {
      outOfOrderness: spec.outOfOrderness,
      idleTimeout: spec.idleTimeout,
      maxFutureSkew: "3650d",
    },
    // A key replaces rows, so it leaves no duplicates to drop: the plan refuses both together.
    ...(spec.dedup === undefined || spec.key.length > 0
      ? {}
      : { dedup: { by: [...spec.dedup.by], within: spec.dedup.within } }),
  } as never);
  const windows = Object.fromEntries(
    spec.windows.map((window, index) => [`w${index}`, windowOf(window, spec.key.length > 0, read)]),
  );
  const [lowest] = spec.windows;
  const all = { ...windows, ...(lowest === undefined ? {} : above(lowest)) };
  return resolveProject(
    defineProject({
      name: "random",
      datasets: { events: rows, ...others },
      streams,
      windows: all,
    } as never),
  );
}

function windowOf(spec: WindowSpec, hasKey: boolean, from: string): unknown {
  const [size = "", every] = spec.size;
  // Sessions are refused over rows that are replaced.
  if (size === "" && hasKey) return windowOf({ ...spec, size: ["1m"] }, hasKey, from);
  const isCalendar = /day|week|month|quarter/.test(size);
  const build = (every === undefined ? tumbling : size === "" ? session : hopping) as (
    spec: never,
  ) => unknown;
  return build({
    from,
    ...(size === "" ? { gap: every } : every === undefined ? { size } : { size, every }),
    ...(isCalendar ? { timezone: spec.zone } : {}),
    ...(spec.by === "none"
      ? {}
      : spec.by === "column"
        ? { by: ["k"] }
        : { by: { big: col("v").gt(0) } }),
    ...(spec.isFiltered ? { where: col("v").ne(3) } : {}),
    measure: {
      n: count(),
      values: count("v"),
      different: countDistinct("k"),
      total: sum("v"),
      mean: avg(col("v").cast("float64").dividedBy(3)),
      low: min("v"),
      high: max("at"),
      open: first("v"),
      close: last("k"),
      about: approxCountDistinct("k"),
      middle: median("v"),
      most: quantile(col("v").cast("float64").dividedBy(3), 0.9),
      nearly: approxQuantile("v", 0.3),
      best: top(2, "v", ["k"]),
    },
    allowedLateness: spec.lateness,
    late: spec.late,
    ...(spec.emit === "close" ? {} : { emit: "update", throttle: THROTTLE }),
  } as never);
}

/** Event times around a few borders, to the microsecond, so that many rows meet. */
const offsetUs = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.integer({ min: 0, max: 40 * 60 }).map((second) => BigInt(second) * 1_000_000n),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: -1, max: 1 }))
      .map(([minute, us]) => BigInt(minute) * 60_000_000n + BigInt(us)),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: -3, max: 40 }).map((day) => BigInt(day) * 86_400_000_000n),
  },
);

/** Around the nights in which clocks change: forward at midnight, at one, back at midnight. */
const aroundChangesUs = fc
  .tuple(
    fc.constantFrom("2026-03-28T22:00Z", "2026-03-29T01:00Z", "2026-10-24T21:00Z"),
    fc.integer({ min: -30, max: 60 }),
    fc.integer({ min: -1, max: 1 }),
  )
  .map(
    ([change, hours, us]) =>
      BigInt(Date.parse(change)) * 1000n + BigInt(hours) * HOUR_US + BigInt(us),
  );

export const rowAt = (timeUs: fc.Arbitrary<bigint>): fc.Arbitrary<SentRow> =>
  fc.record({
    atUs: timeUs,
    k: fc.constantFrom("a", "b", "", "ü", "a\u0000", 'q"\\'),
    v: fc.option(
      fc.oneof(fc.bigInt(-3n, 3n), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n)),
      { nil: null, freq: 6 },
    ),
  });

export const batchOf = (
  row: fc.Arbitrary<SentRow>,
  datasets: readonly string[] = ["events"],
): fc.Arbitrary<SentBatch> =>
  fc.record({
    dataset: fc.constantFrom(...datasets),
    producer: fc.constantFrom("", "", "p", "q"),
    rows: fc.array(row, { minLength: 1, maxLength: 6 }),
  });

export const stepOf = (batch: fc.Arbitrary<SentBatch>, withLate = true): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .array(batch, { minLength: 1, maxLength: 4 })
        .map((batches): Step => ({ kind: "send", batches })),
    },
    {
      weight: 2,
      arbitrary: fc
        .integer({ min: 1, max: 700 })
        .map((seconds): Step => ({ kind: "wait", seconds })),
    },
    {
      weight: withLate ? 2 : 0,
      arbitrary: fc
        .tuple(
          fc.integer({ min: 0, max: 1 }),
          fc.constantFrom([-1e6, 1e6], [0, 20], [10, 40], [-1e6, 10]),
        )
        .map(([window, [from = 0, to = 0]]): Step => ({
          kind: "replay",
          window,
          minutes: [from, to],
          // Of all time the first window, of a part the second one.
          isBackfill: from < 0 === (window === 0),
        })),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "checkpoint" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "restart" }) },
  );

const scriptOf = (
  timeUs: fc.Arbitrary<bigint>,
  datasets?: readonly string[],
): fc.Arbitrary<readonly Step[]> =>
  fc.array(stepOf(batchOf(rowAt(timeUs), datasets)), { minLength: 1, maxLength: 14 });

export const timeUs = offsetUs.map((us) => START_US + us);
export const randomScript = scriptOf(timeUs);
/** Rows of three datasets, in any order. */
export const randomJoinScript = scriptOf(timeUs, ["events", "events", "users", "rates"]);
export const randomClockScript = scriptOf(aroundChangesUs);
