/**
 * Conditions on columns, as a URL can carry them:
 * `symbol=A&price.gte=10&at.lt=2026-01-02T00:00:00Z`.
 */
import { KurobeError } from "../core/errors.ts";
import { sql, type Sql, type SqlValue } from "../core/sql.ts";
import { type ColumnPlan, type ColumnType } from "../plan/plan.ts";

export const FILTER_OPERATORS = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "null"] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

/**
 * All filters of a page must hold. `in` has its values separated by commas; `null` takes true or
 * false.
 */
export interface Filter {
  readonly column: string;
  readonly operator: FilterOperator;
  readonly value: string;
}

const COMPARISON: Readonly<Record<Exclude<FilterOperator, "in" | "null">, Sql>> = {
  eq: sql`=`,
  ne: sql`<>`,
  gt: sql`>`,
  gte: sql`>=`,
  lt: sql`<`,
  lte: sql`<=`,
};
const MAX_IN_VALUES = 100;
const MAX_FILTERS = 50;

/**
 * Reads `name=value` pairs: the name is a column or `column.operator`. Throws
 * `KRB_QUERY_UNKNOWN_COLUMN` and `KRB_QUERY_FILTER`.
 */
export function readFilters(
  pairs: Iterable<readonly [name: string, value: string]>,
  columns: readonly ColumnPlan[],
): readonly Filter[] {
  const names = new Set(columns.map((column) => column.name));
  const filters = Array.from(pairs, ([name, value]): Filter => {
    if (names.has(name)) return { column: name, operator: "eq", value };
    const dot = name.lastIndexOf(".");
    const column = dot < 0 ? name : name.slice(0, dot);
    const operator = FILTER_OPERATORS.find((one) => dot >= 0 && one === name.slice(dot + 1));
    if (!names.has(column)) throw unknownColumn(column);
    if (operator === undefined) {
      throw new KurobeError("KRB_QUERY_FILTER", `${name} names no operator`);
    }
    return { column, operator, value };
  });
  if (filters.length > MAX_FILTERS) {
    throw new KurobeError("KRB_QUERY_FILTER", `more than ${MAX_FILTERS} filters`);
  }
  return filters;
}

export function unknownColumn(name: string): KurobeError {
  return new KurobeError("KRB_QUERY_UNKNOWN_COLUMN", `there is no column ${name.slice(0, 100)}`);
}

/** The condition in SQL; values are bound as what the column holds. */
export function filterSql(filter: Filter, columns: readonly ColumnPlan[]): Sql {
  const column = columns.find(({ name }) => name === filter.column);
  if (column === undefined) throw unknownColumn(filter.column);
  const left = sql.id(column.name);
  if (filter.operator === "null") return nullSql(left, filter);
  if (column.type.kind === "json") {
    throw new KurobeError("KRB_QUERY_FILTER", `${column.name} is JSON: only .null filters it`);
  }
  if (filter.operator !== "in") {
    return sql`${left} ${COMPARISON[filter.operator]} ${valueSql(filter, column.type, filter.value)}`;
  }
  const values = filter.value.split(",");
  if (values.length > MAX_IN_VALUES) {
    throw new KurobeError("KRB_QUERY_FILTER", `${column.name}.in has more than ${MAX_IN_VALUES}`);
  }
  return sql`${left} IN (${sql.join(values.map((value) => valueSql(filter, column.type, value)))})`;
}

function nullSql(left: Sql, filter: Filter): Sql {
  if (filter.value === "true") return sql`${left} IS NULL`;
  if (filter.value === "false") return sql`${left} IS NOT NULL`;
  throw badValue(filter, "true or false");
}

function valueSql(filter: Filter, type: ColumnType, text: string): Sql {
  switch (type.kind) {
    case "boolean":
      if (text !== "true" && text !== "false") throw badValue(filter, "true or false");
      return sql`${text === "true"}`;
    case "int32":
      return sql`${integer(filter, text, 32)}`;
    case "int64":
      return sql`${integer(filter, text, 64)}`;
    case "float64":
      return sql`${float(filter, text)}`;
    case "decimal":
      return decimalSql(filter, type, text);
    case "timestamp":
      return sql`make_timestamp(${timestampUs(filter, text)})`;
    case "date":
      return sql`CAST(${day(filter, text)} AS DATE)`;
    case "text":
    case "json":
      return sql`${text}`;
  }
}

function integer(filter: Filter, text: string, bits: 32 | 64): bigint {
  const value = /^[-+]?\d{1,19}$/.test(text) ? BigInt(text.replace("+", "")) : null;
  if (value === null || BigInt.asIntN(bits, value) !== value) {
    throw badValue(filter, `a whole number of ${bits} bits`);
  }
  return value;
}

function float(filter: Filter, text: string): SqlValue {
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?$/.test(text)) {
    throw badValue(filter, "a number");
  }
  return Number(text);
}

function decimalSql(
  filter: Filter,
  type: { readonly precision: number; readonly scale: number },
  text: string,
): Sql {
  const match = /^[-+]?(\d{1,38})(?:\.(\d{1,38}))?$/.exec(text);
  const whole = match?.[1]?.replace(/^0+/, "") ?? "";
  const fraction = match?.[2]?.replace(/0+$/, "") ?? "";
  if (
    match === null ||
    whole.length > type.precision - type.scale ||
    fraction.length > type.scale
  ) {
    throw badValue(filter, `a decimal of ${type.precision} digits, ${type.scale} after the point`);
  }
  const as = sql.keyword(`DECIMAL(${type.precision}, ${type.scale})`);
  return sql`CAST(${text} AS ${as})`;
}

const TIMESTAMP =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,6}))?(Z|[-+]\d{2}:\d{2}))?$/;

/**
 * A day alone is its midnight in UTC. A time of day must say its zone: guessing is an hour wrong.
 */
function timestampUs(filter: Filter, text: string): bigint {
  // A plus sign that was not escaped in a URL arrives as a blank.
  const match = TIMESTAMP.exec(text.replace(/ (\d{2}:\d{2})$/, "+$1"));
  const [, date = "", time = "00:00", fraction = "", zone = "Z"] = match ?? [];
  const ms = match === null ? Number.NaN : Date.parse(`${date}T${time}${zone}`);
  if (Number.isNaN(ms) || !isCalendarDay(date)) {
    throw badValue(filter, "a time such as 2026-01-02T03:04:05.678Z, with Z or an offset");
  }
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, "0") || "0");
}

function day(filter: Filter, text: string): string {
  if (!isCalendarDay(text)) throw badValue(filter, "a day such as 2026-01-02");
  return text;
}

/** `Date.parse` takes the 31st of June for the 1st of July. */
function isCalendarDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function badValue(filter: Filter, expected: string): KurobeError {
  const shown = filter.value.slice(0, 100);
  return new KurobeError(
    "KRB_QUERY_FILTER",
    `${filter.column}.${filter.operator}=${shown}: expected ${expected}`,
    { details: { column: filter.column, operator: filter.operator, expected } },
  );
}
