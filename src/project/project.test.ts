import { describe, expect, expectTypeOf, it } from "vitest";
import {
  avg,
  coalesce,
  col,
  column,
  count,
  countDistinct,
  dataset,
  defineProject,
  first,
  last,
  max,
  median,
  min,
  quantile,
  sum,
  top,
  tumbling,
  when,
  type NewRow,
  type Row,
} from "../index.ts";

const ticks = dataset({
  columns: {
    time: column.timestamp({ unit: "ms" }),
    symbol: column.text(),
    price: column.decimal(18, 4),
    qty: column.int64(),
    spread: column.float64().nullable(),
    venue: column.text().default("XTKS"),
    extra: column.json().nullable(),
    sentAt: column.timestamp().nullable(),
  },
  eventTime: "time",
});

const bars = tumbling({
  from: ticks,
  size: "5m",
  by: ["symbol"],
  where: col("qty").gt(0),
  measure: {
    open: first("price"),
    range: max("price").minus(min("price")),
    volume: sum("qty"),
    n: count(),
    venues: countDistinct("venue"),
    mean: avg(col("price").times("2")),
    big: count().where(col("qty").gt(100).and(col("venue").eq("XTKS"))),
    isBusy: count().gt(10),
  },
});

describe("what a project file declares", () => {
  it("is frozen, branded, and as written", () => {
    const project = defineProject({ name: "market", datasets: { ticks }, windows: { bars } });
    expect(Object.isFrozen(project)).toBe(true);
    expect(Object.isFrozen(ticks)).toBe(true);
    expect(project.spec.datasets.ticks).toBe(ticks);
    expect(Object.isFrozen(col("price"))).toBe(true);
  });

  it("builds a tree and leaves the parts alone", () => {
    const price = col("price");
    const twice = price.times(2);
    expect(price.node).toEqual({ kind: "column", name: "price" });
    expect(twice.node).toEqual({
      kind: "call",
      operator: "multiply",
      arguments: [price.node, { kind: "constant", value: 2 }],
    });
    const counted = count();
    expect(counted.where(price.gt(1)).node).not.toEqual(counted.node);
    expect(counted.node).toMatchObject({ where: null });
  });

  it("joins several where by and", () => {
    const node = count().where(col("a").gt(1)).where(col("b").gt(2)).node;
    expect(node).toMatchObject({ where: { operator: "and" } });
  });

  it("keeps the branches of a case in order", () => {
    const node = when(col("a").gt(1)).then("x").when(col("a").gt(0)).then("y").otherwise("z").node;
    const values = node.kind === "call" ? node.arguments.filter((_, index) => index % 2 === 1) : [];
    expect(values).toMatchObject([{ value: "x" }, { value: "y" }]);
    expect(node).toMatchObject({ operator: "case", arguments: { length: 5 } });
  });
});

describe("types", () => {
  it("know the rows of a dataset, out and in", () => {
    expectTypeOf<Row<typeof ticks>>().toEqualTypeOf<{
      readonly time: string;
      readonly symbol: string;
      readonly price: string;
      readonly qty: number | string;
      readonly spread: number | null;
      readonly venue: string;
      readonly extra: Row<typeof ticks>["extra"];
      readonly sentAt: string | null;
    }>();
    expectTypeOf({ time: new Date(0), symbol: "A", price: "1.5", qty: 1n }).toExtend<
      NewRow<typeof ticks>
    >();
    expectTypeOf<NewRow<typeof ticks>["symbol"]>().toEqualTypeOf<string>();
    expectTypeOf<NewRow<typeof ticks>["venue"]>().toEqualTypeOf<string | null | undefined>();
    expectTypeOf<{ symbol: string }>().not.toExtend<NewRow<typeof ticks>>();
  });

  it("know the rows of a window", () => {
    expectTypeOf<Row<typeof bars>>().toEqualTypeOf<{
      readonly window_start: string;
      readonly window_end: string;
      readonly symbol: string;
      readonly open: string | null;
      readonly range: number | string | null;
      readonly volume: number | string | null;
      readonly n: number;
      readonly venues: number;
      readonly mean: number | null;
      readonly big: number;
      readonly isBusy: boolean | null;
      readonly revision: number;
    }>();
  });

  it("know the rows of a window over a window", () => {
    const hours = tumbling({
      from: bars,
      size: "1h",
      by: ["symbol"],
      measure: { open: first("open"), n: sum("n"), mean: max("mean"), last: max("window_end") },
    });
    expectTypeOf<Row<typeof hours>>().toEqualTypeOf<{
      readonly window_start: string;
      readonly window_end: string;
      readonly symbol: string;
      readonly open: string | null;
      readonly n: number | string | null;
      readonly mean: number | null;
      readonly last: string | null;
      readonly revision: number;
    }>();
    const best = tumbling({
      from: bars,
      size: "1h",
      measure: { best: top(3, "n", ["symbol"]), usual: median("mean"), far: quantile("n", 0.9) },
    });
    expectTypeOf<Row<typeof best>["usual"]>().toEqualTypeOf<number | null>();
    // @ts-expect-error: no column of the results
    tumbling({ from: bars, size: "1h", measure: { x: top(3, "n", ["price"]) } });
    // @ts-expect-error: no column of the results
    tumbling({ from: bars, size: "1h", measure: { x: sum("price") } });
  });

  it("refuse column names that the dataset does not have", () => {
    const columns = {
      at: column.timestamp(),
      maybe: column.timestamp().nullable(),
      n: column.int32(),
    };
    // @ts-expect-error not a column
    dataset({ columns, eventTime: "att" });
    // @ts-expect-error a nullable column cannot say when a row happened
    dataset({ columns, eventTime: "maybe" });
    // @ts-expect-error a nullable column cannot be a key
    dataset({ columns, eventTime: "at", key: ["maybe"] });
    // @ts-expect-error not a column
    tumbling({ from: ticks, size: "5m", by: ["symbl"], measure: { n: count() } });
    // @ts-expect-error not a column
    tumbling({ from: ticks, size: "5m", measure: { open: first("prise") } });
    // @ts-expect-error not a column, inside arithmetic
    tumbling({ from: ticks, size: "5m", measure: { open: max("price").minus(min("prise")) } });
    // @ts-expect-error not a column, inside a condition
    tumbling({ from: ticks, size: "5m", where: col("qtty").gt(0), measure: { n: count() } });
    // @ts-expect-error a column of one row is no measure
    tumbling({ from: ticks, size: "5m", measure: { open: col("price") } });
    // @ts-expect-error an aggregate is no condition on one row
    tumbling({ from: ticks, size: "5m", where: count().gt(1), measure: { n: count() } });
    // @ts-expect-error a row's column beside an aggregate
    tumbling({ from: ticks, size: "5m", measure: { x: max("price").minus(col("price")) } });
  });

  it("let a dataset be named by text, and grouping columns be computed", () => {
    const byDay = tumbling({
      from: "ticks",
      size: "1 day",
      by: { day: col("time").truncate("day", "Asia/Tokyo"), symbol: "symbol" },
      measure: { close: last("price"), any: coalesce(sum("qty"), 0) },
    });
    expectTypeOf<Row<typeof byDay>["day"]>().toEqualTypeOf<string | null>();
  });
});
