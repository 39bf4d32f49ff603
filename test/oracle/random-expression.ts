/** Random expressions as users could write them, and random rows to try them on. */
import fc from "fast-check";
import { type ExpressionNode } from "../../src/project/expression.ts";
import { type ColumnPlan } from "../../src/plan/plan.ts";
import { type Decimal, type Row, type Value } from "./value.ts";

type Node = fc.Arbitrary<ExpressionNode>;

export const COLUMNS: readonly ColumnPlan[] = [
  { name: "b", type: { kind: "boolean" }, nullable: true },
  { name: "i", type: { kind: "int32" }, nullable: true },
  { name: "l", type: { kind: "int64" }, nullable: true },
  { name: "f", type: { kind: "float64" }, nullable: true },
  { name: "g", type: { kind: "float64" }, nullable: true },
  { name: "d", type: { kind: "decimal", precision: 18, scale: 4 }, nullable: true },
  { name: "w", type: { kind: "decimal", precision: 38, scale: 10 }, nullable: true },
  { name: "t", type: { kind: "text" }, nullable: true },
  { name: "u", type: { kind: "text" }, nullable: true },
  { name: "at", type: { kind: "timestamp" }, nullable: false },
  { name: "sent", type: { kind: "timestamp" }, nullable: true },
  { name: "day", type: { kind: "date" }, nullable: true },
];

const call = (operator: string, ...operands: readonly Node[]): Node =>
  fc.tuple(...operands).map((list) => ({ kind: "call", operator, arguments: list }));
const column = (...names: readonly string[]): Node =>
  fc.constantFrom(...names).map((name) => ({ kind: "column", name }));
const constant = (...values: readonly unknown[]): Node =>
  fc.constantFrom(...values).map((value) => ({ kind: "constant", value }));

export const ZONES = [
  "UTC",
  "Asia/Tokyo",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Chatham",
  "America/Sao_Paulo",
  "Africa/Cairo",
  "America/Havana",
  "Europe/Lisbon",
] as const;

const TARGETS = [
  "int32",
  "int64",
  "float64",
  "decimal(10, 2)",
  "decimal(38, 0)",
  "decimal(20, 12)",
];

/** One operator in another, with everything that the types allow. */
export function expressionNode(depth: number): Node {
  return fc.oneof(number(depth), condition(depth), text(depth), time(depth), date(depth));
}

function number(depth: number): Node {
  const leaf = fc.oneof(
    { weight: 4, arbitrary: column("i", "l", "f", "g", "d", "w") },
    { weight: 1, arbitrary: constant(0, 1, -3, 2.5, 1000n, "12.75", 0.1, 2n ** 63n - 1n) },
  );
  if (depth === 0) return column("i", "l", "f", "g", "d", "w");
  const inner = number(depth - 1);
  const other = fc.oneof(inner, leaf);
  return fc.oneof(
    inner,
    ...["add", "subtract", "multiply", "divide", "modulo"].map((one) => call(one, inner, other)),
    ...["negate", "abs", "floor", "ceil"].map((one) => call(one, inner)),
    call("round", inner, constant(0, 1, 2, 5)),
    call("nullIf", inner, other),
    call("coalesce", inner, other),
    call("case", condition(depth - 1), inner, other),
    call("cast", fc.oneof(inner, text(depth - 1)), constant(...TARGETS)),
    call("cast", condition(depth - 1), constant("int64")),
    call("length", text(depth - 1)),
    call("differenceUs", time(depth - 1), time(depth - 1)),
    call(
      "extract",
      fc.oneof(time(depth - 1), date(depth - 1)),
      constant(...PARTS),
      constant("UTC"),
    ),
    call("extract", time(depth - 1), constant(...PARTS), constant(...ZONES)),
  );
}

const PARTS = [
  "year",
  "quarter",
  "month",
  "week",
  "day",
  "dayOfWeek",
  "dayOfYear",
  "hour",
  "minute",
  "second",
  "microsecond",
];

function condition(depth: number): Node {
  if (depth === 0) return column("b");
  const pairs = [number, text, time, date].map((kind) => {
    const inner = kind(depth - 1);
    return fc.oneof(
      ...["eq", "ne", "lt", "le", "gt", "ge"].map((one) => call(one, inner, inner)),
      call("between", inner, inner, inner),
      call("in", inner, inner, inner),
    );
  });
  const inner = condition(depth - 1);
  return fc.oneof(
    ...pairs,
    call("isNull", expressionNode(depth - 1)),
    call("and", inner, inner),
    call("or", inner, inner),
    call("not", inner),
    call("cast", text(depth - 1), constant("boolean")),
    ...["startsWith", "endsWith", "contains"].map((one) =>
      call(one, text(depth - 1), text(depth - 1)),
    ),
  );
}

function text(depth: number): Node {
  if (depth === 0) return column("t", "u");
  const inner = text(depth - 1);
  return fc.oneof(
    ...["lower", "upper", "trim"].map((one) => call(one, inner)),
    call("concat", inner, fc.oneof(inner, constant("", "é", "日本", "a\0b", "'\"$1"))),
    call("substring", inner, constant(1, 2, 4), constant(0, 1, 3)),
    call("substring", inner, constant(1, 3)),
    call("replace", inner, fc.oneof(inner, constant("", "a", "é")), constant("", "b", "日本")),
    call("coalesce", inner, constant("none")),
    call("nullIf", inner, inner),
    call("case", condition(depth - 1), inner, constant(null, "x")),
    call(
      "cast",
      fc.oneof(time(depth - 1), date(depth - 1), condition(depth - 1)),
      constant("text"),
    ),
    call("cast", call("cast", number(depth - 1), constant(...TARGETS.slice(3))), constant("text")),
  );
}

function time(depth: number): Node {
  if (depth === 0) return column("at", "sent");
  const inner = time(depth - 1);
  const units = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];
  return fc.oneof(
    inner,
    call("truncate", inner, constant(...units), constant("UTC")),
    call("truncate", column("at"), constant(...units), constant(...ZONES)),
    call("addDuration", inner, constant("1us", "90m", "-2 days", "1000000 days", "-1000000 days")),
    call("coalesce", inner, constant("2024-02-29T12:00:00.000001Z")),
    call("cast", fc.oneof(date(depth - 1), text(depth - 1)), constant("timestamp")),
  );
}

function date(depth: number): Node {
  if (depth === 0) return column("day");
  const inner = date(depth - 1);
  return fc.oneof(
    call("truncate", inner, constant("day", "week", "month", "year"), constant("UTC")),
    call("cast", fc.oneof(time(depth - 1), text(depth - 1)), constant("date")),
    call("nullIf", inner, constant("2024-02-29")),
  );
}

const argument = fc.oneof(
  column("i", "l", "f", "g", "d", "w"),
  call("multiply", column("d"), column("i", "l")),
  call("multiply", column("f"), column("g")),
);

/** An aggregate, or arithmetic over aggregates. */
export function measureNode(depth: number): Node {
  const where = fc.option(condition(1), { nil: null });
  const aggregates = fc.oneof(
    aggregate(["count", "countDistinct", "min", "max", "first", "last"], expressionNode(1), where),
    aggregate(["sum", "avg"], argument, where),
    fc
      .tuple(
        aggregate(["quantile", "approxQuantile"], argument, where),
        fc.constantFrom(0, 0.1, 0.5, 0.75, 0.99, 1),
      )
      .map(([node, probability]) => ({ ...node, options: { probability } }) as ExpressionNode),
    fc
      .tuple(
        aggregate(["top"], argument, where),
        fc.constantFrom(1, 2, 5),
        fc.constantFrom([], ["t"], ["l", "f", "d"]),
      )
      .map(([node, n, columns]) => ({ ...node, options: { n, columns } }) as ExpressionNode),
    where.map((one): ExpressionNode => ({
      kind: "aggregate",
      function: "count",
      argument: null,
      where: one,
    })),
  );
  if (depth === 0) return aggregates;
  const numeric = fc.oneof(
    aggregate(["sum", "avg", "min", "max", "first", "last", "count"], argument, where),
    call("coalesce", aggregate(["sum"], argument, where), constant(1, 2.5)),
  );
  // The last digit of a float sum is nobody's promise, so nothing may hang on it.
  const exact = aggregate(["min", "max", "first", "last", "count"], argument, where);
  return fc.oneof(
    aggregates,
    ...["add", "subtract", "multiply", "divide"].map((one) => call(one, numeric, numeric)),
    ...["modulo", "gt", "eq", "nullIf"].map((one) => call(one, exact, exact)),
    call("case", call("gt", exact, exact), numeric, constant(null)),
  );
}

function aggregate(
  names: readonly string[],
  inner: Node,
  where: fc.Arbitrary<ExpressionNode | null>,
): Node {
  return fc
    .record({ function: fc.constantFrom(...names), argument: inner, where })
    .map((fields) => ({ kind: "aggregate", ...fields }));
}

const orNull = (values: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 5, arbitrary: values });

const decimal = (digits: number, scale: number): fc.Arbitrary<Decimal> => {
  const limit = 10n ** BigInt(digits) - 1n;
  return fc
    .oneof(
      fc.constantFrom(0n, 1n, -1n, 5n, 15n, 25_000n, -99_999n, limit, -limit),
      fc.bigInt({ min: -limit, max: limit }),
      fc.bigInt({ min: -10_000_000n, max: 10_000_000n }),
    )
    .map((units) => ({ units, scale }));
};

/** Letters that become one letter in the other case, spaces, wide and combined ones. */
const TEXTS = ["", " ", " a ", "abc", "ABC", "日本語", "Éé", "é", "😀", "ß", "%_", "a\0b", "Ｚ"];
const NUMBER_TEXTS = [
  "12",
  "-7.125",
  "+3",
  "007",
  "1e3",
  "1e400",
  "0x1F",
  "1_000",
  " 5",
  "9".repeat(30),
];
const TIME_TEXTS = [
  "true",
  "false",
  "2024-02-29",
  "2023-02-29",
  "0000-01-01",
  "2024-02-29T10:00:00.5Z",
];

const float = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    -1.5,
    0.1,
    2.5,
    -2.5,
    1e308,
    -1e308,
    5e-324,
    1e-10,
    1e13,
    123456.789,
    2 ** 53,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  fc.integer({ min: -100, max: 100 }).map((value) => value / 4),
);

const whole = (bits: bigint): fc.Arbitrary<bigint> => {
  const [min, max] = [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  return fc.oneof(
    fc.constantFrom(0n, 1n, -1n, 7n, min, max),
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc.bigInt({ min, max }),
  );
};

/**
 * Times around the clock changes of the zones above, and from 1948 (whole minutes since) to 2090.
 */
const instant = fc.oneof(
  fc
    .tuple(fc.constantFrom(...CHANGES()), fc.integer({ min: -10_800, max: 10_800 }))
    .map(([us, seconds]) => us + BigInt(seconds) * 1_000_000n),
  fc.bigInt({ min: -694_310_400_000_000n, max: 3_786_912_000_000_000n }),
  fc.constantFrom(0n, -1n, 1n, 1_709_208_000_000_001n),
);

function CHANGES(): readonly bigint[] {
  const texts = [
    "2024-03-10T07:00Z",
    "2024-11-03T06:00Z",
    "2018-11-04T03:00Z",
    "2018-02-18T02:00Z",
    "2024-04-25T22:00Z",
    "2024-10-31T21:00Z",
    "2025-11-02T05:00Z",
    "2025-03-09T05:00Z",
    "2024-09-28T14:00Z",
    "2024-04-06T14:00Z",
    "2024-03-31T01:00Z",
  ];
  return texts.map((text) => BigInt(Date.parse(text)) * 1000n);
}

export const randomRow: fc.Arbitrary<Row> = fc.record({
  b: orNull(fc.boolean()),
  i: orNull(whole(32n)),
  l: orNull(whole(64n)),
  f: orNull(float),
  g: orNull(float),
  d: orNull(decimal(18, 4)),
  w: orNull(decimal(38, 10)),
  t: orNull(fc.constantFrom(...TEXTS, ...NUMBER_TEXTS)),
  u: orNull(
    fc.oneof(
      fc.constantFrom(...TEXTS, ...TIME_TEXTS),
      fc.string({ unit: "grapheme-ascii", maxLength: 8 }),
    ),
  ),
  at: instant,
  sent: orNull(instant),
  day: orNull(fc.integer({ min: -20_000, max: 40_000 })),
});
