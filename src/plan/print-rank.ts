/**
 * Aggregates that look at how values lie to each other, or only about: quantiles, approximate
 * counts, the greatest rows. Each in one step over rows, and through states; none depends on the
 * order of the rows.
 */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Expression } from "./expression.ts";
import { type AggregateInput } from "./print-aggregate.ts";
import { bind } from "./print-call.ts";
import { filterOf } from "./print-sum.ts";

/** One aggregate over rows, how its states merge, and the measure over the merged one. */
export interface RankParts {
  readonly partial: Sql;
  readonly merge: (name: Sql) => Sql;
  readonly result: (state: Sql) => Sql;
}

/** `min(a)` without a condition is `min(a) FILTER (WHERE …)` with one. */
function present({ value, where }: AggregateInput): Sql {
  const isThere = sql`${value} IS NOT NULL`;
  return filterOf(where === null ? isThere : sql`${where} AND ${isThere}`);
}

const joinLists = (name: Sql): Sql =>
  sql`flatten(list(${name})${filterOf(sql`${name} IS NOT NULL`)})`;

/** Where values overflow as floats, between two infinite ones, there is no quantile. */
function finite(value: Sql): Sql {
  return bind(value, (v) => sql`CASE WHEN isfinite(${v}) THEN ${v} + 0.0::DOUBLE END`);
}

function probabilityOf({ aggregate }: AggregateInput): Sql {
  assert(aggregate.probability !== undefined, "a quantile has a probability");
  return sql`CAST(${sql.literal(aggregate.probability)} AS DOUBLE)`;
}

/** Between the two nearest values, in proportion. */
export function quantile(input: AggregateInput): Sql {
  const value = sql`CAST(${input.value} AS DOUBLE)`;
  return finite(sql`quantile_cont(${value}, ${probabilityOf(input)})${present(input)}`);
}

export function quantileParts(input: AggregateInput): RankParts {
  return {
    partial: sql`list(CAST(${input.value} AS DOUBLE))${present(input)}`,
    merge: joinLists,
    result: (values) =>
      finite(sql`list_aggregate(${values}, 'quantile_cont', ${probabilityOf(input)})`),
  };
}

/** DuckDB's t-digest depends on the order of the rows; counting rounded values does not. */
export function approxQuantileParts(input: AggregateInput): RankParts {
  const value = sql`CAST(${input.value} AS DOUBLE)`;
  const digits = sql`2 - CAST(floor(log10(abs(${value}))) AS INTEGER)`;
  // DuckDB would round the largest floats to 0.
  const rounded = sql`CASE WHEN ${value} = 0 THEN 0.0::DOUBLE WHEN abs(${value}) > 1e300 THEN ${value}
    ELSE round(${value}, ${digits}) END`;
  return {
    partial: sql`map_entries(histogram(${rounded})${present(input)})`,
    merge: joinLists,
    result: (entries) => sql`(${nearest(entries, probabilityOf(input))})."key"`,
  };
}

export function approxQuantile(input: AggregateInput): Sql {
  const { partial, result } = approxQuantileParts(input);
  return result(partial);
}

/** The entry in which the counts, added up from the smallest value, come to a share of all. */
function nearest(entries: Sql, probability: Sql): Sql {
  const start = sql`{'key': CAST(NULL AS DOUBLE), 'value': CAST(0 AS UBIGINT), 'goal': _goal}`;
  const all = sql`list_sum(list_transform(_e, lambda _c: _c."value"))`;
  const goal = sql`greatest(1, CAST(ceil(${probability} * ${all}) AS UBIGINT))`;
  const walked = sql`list_reduce(
    list_transform(list_sort(_e), lambda _c: {'key': _c."key", 'value': _c."value", 'goal': _goal}),
    lambda _a, _b: CASE WHEN _a."value" >= _a.goal THEN _a
      ELSE {'key': _b."key", 'value': _a."value" + _b."value", 'goal': _a.goal} END, ${start})`;
  return sql`list_transform([${entries}], lambda _e:
    list_transform([${goal}], lambda _goal: ${walked})[1])[1]`;
}

/** HyperLogLog: its registers hold maxima, so order and division do not matter. */
export function approxCountDistinct({ value, where }: AggregateInput): Sql {
  return sql`approx_count_distinct(${value})${filterOf(where)}`;
}

export function approxCountDistinctParts(input: AggregateInput): RankParts {
  return {
    partial: sql`${approxCountDistinct(input)} EXPORT_STATE`,
    merge: (name) => sql`list_reduce(list(${name}), lambda _a, _b: combine(_a, _b))`,
    result: (state) => sql`finalize(${state})`,
  };
}

/** Of equal values the row that came first by event time, then by position, stands higher. */
export function topParts(input: AggregateInput, order: Sql): RankParts {
  const { aggregate, expression } = input;
  const { top } = aggregate;
  assert(top !== undefined, "a top has a number and columns");
  const fields = top.columns.map(
    (column, index) => sql`, ${sql.literal(`c${index}`)}: ${input.column(column)}`,
  );
  const row = sql`{'v': ${input.value}, 'o': -${order}${sql.join(fields, "")}}`;
  const n = sql.literal(top.n);
  const shown = top.columns.map(
    (column, index) =>
      sql`, ${sql.literal(column.name)}: ${jsonOf(column, sql`_r.${sql.id(`c${index}`)}`)}`,
  );
  return {
    partial: sql`max(${row}, ${n})${present(input)}`,
    merge: (name) => sql`list_slice(list_reverse_sort(${joinLists(name)}), 1, ${n})`,
    result: (rows) =>
      sql`to_json(list_transform(${rows}, lambda _r, _i: {'rank': _i,
        'value': ${jsonOf(expression, sql`_r.v`)}${sql.join(shown, "")}}))`,
  };
}

export function top(input: AggregateInput, order: Sql): Sql {
  const { partial, result } = topParts(input, order);
  return result(partial);
}

const SAFE_INTEGER = sql.literal(Number.MAX_SAFE_INTEGER);

/** As answers carry it: times as ISO 8601, decimals and what numbers cannot hold as text. */
function jsonOf({ type }: Expression, value: Sql): Sql {
  switch (type.kind) {
    case "int64":
      return sql`CASE WHEN ${value} BETWEEN -${SAFE_INTEGER} AND ${SAFE_INTEGER}
        THEN to_json(${value}) ELSE to_json(CAST(${value} AS VARCHAR)) END`;
    case "timestamp":
      return sql`to_json(strftime(${value}, '%Y-%m-%dT%H:%M:%S.%fZ'))`;
    case "decimal":
    case "date":
      return sql`to_json(CAST(${value} AS VARCHAR))`;
    case "json":
      return sql`CAST(${value} AS JSON)`;
    default:
      return sql`to_json(${value})`;
  }
}
