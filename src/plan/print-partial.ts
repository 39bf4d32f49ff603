/**
 * Aggregates in two steps: states of parts of a window (a pane, a piece of a session), which merge
 * into states of the whole, and the measures over those. The measures equal those of
 * `printAggregate` over all rows, to the last digit, however the rows were divided.
 */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Aggregate } from "./expression.ts";
import { type AggregateFunction } from "./expression.ts";
import {
  aggregateInput,
  type AggregateInput,
  type AggregateScope,
  type BaseAggregate,
  conditionOf,
} from "./print-aggregate.ts";
import {
  approxCountDistinctParts,
  approxQuantileParts,
  quantileParts,
  type RankParts,
  topParts,
} from "./print-rank.ts";
import { printStored } from "./print-scalar.ts";
import {
  decimalParts,
  decimalTotal,
  filterOf,
  floatParts,
  floatTotal,
  isNarrow,
  sum,
} from "./print-sum.ts";

/** One column of a state. */
export interface StateColumn {
  readonly name: string;
  /** An aggregate over rows. */
  readonly partial: Sql;
  /** An aggregate over states, of the same type. */
  readonly merge: Sql;
}

export interface Partials {
  readonly states: readonly StateColumn[];
  /** One for each measure, over the columns of a merged state. */
  readonly measures: readonly Sql[];
}

/** Equal aggregates share their state: `avg` beside `sum` costs one count more. */
export function printPartials(
  aggregates: readonly Aggregate[],
  scope: AggregateScope & { readonly order: Sql },
): Partials {
  const states = new Map<string, StateColumn>();
  const nameOf: Keep = (partial, merge) => {
    assert(partial.values.length === 0, "an aggregate is written out");
    const known = states.get(partial.text);
    const name = known?.name ?? `_s${states.size}`;
    if (known === undefined) {
      states.set(partial.text, { name, partial, merge: merge(sql.id(name)) });
    }
    return sql.id(name);
  };
  const final = (leaf: BaseAggregate): Sql => finalOf(leaf, scope, nameOf);
  const measures = aggregates.map((aggregate) => {
    if (aggregate.kind === "aggregate") return final(aggregate);
    return printStored(aggregate, (leaf) => {
      assert(leaf.kind === "aggregate", "an expression of a window names aggregates only");
      return final(leaf);
    });
  });
  return { states: [...states.values()], measures };
}

/** Keeps a state column, and gives its name. */
type Keep = (partial: Sql, merge: (name: Sql) => Sql) => Sql;

type Scope = AggregateScope & { readonly order: Sql };

const mergeSum = (name: Sql): Sql => sql`sum(${name})`;

function finalOf(aggregate: BaseAggregate, scope: Scope, keep: Keep): Sql {
  const { argument } = aggregate;
  if (argument === null) {
    return keepCount(sql`count(*)${filterOf(conditionOf(aggregate, scope))}`, keep);
  }
  return FINALS[aggregate.function](aggregateInput(aggregate, argument, scope), keep, scope);
}

type Final = (input: AggregateInput, keep: Keep, scope: Scope) => Sql;

const FINALS: Readonly<Record<AggregateFunction, Final>> = {
  count: (input, keep) => countOf(input, keep),
  // The values themselves: states of distinct counts cannot be added up.
  countDistinct: ({ value, where }, keep) => {
    const present = and(where, sql`${value} IS NOT NULL`);
    const values = keep(
      sql`list(DISTINCT ${value})${filterOf(present)}`,
      (name) => sql`list_distinct(flatten(list(${name})${filterOf(sql`${name} IS NOT NULL`)}))`,
    );
    return sql`coalesce(len(${values}), 0)`;
  },
  sum: (input, keep) => {
    switch (input.expression.type.kind) {
      case "float64":
        return floatOf(input, keep, (total) => total);
      case "decimal":
        return decimalOf(input, keep);
      default:
        return sql`TRY_CAST(${keep(sum(input.value, input), mergeSum)} AS BIGINT)`;
    }
  },
  avg: (input, keep) => {
    if (input.expression.type.kind === "float64") {
      return floatOf(input, keep, (total, count) => sql`${total} / ${count}`);
    }
    const isDecimal = input.expression.type.kind === "decimal";
    const total = isDecimal ? decimalOf(input, keep) : keep(sum(input.value, input), mergeSum);
    return sql`(CAST(${total} AS DOUBLE) / ${countOf(input, keep)})`;
  },
  min: ({ value, where }, keep) =>
    keep(sql`min(${value})${filterOf(where)}`, (name) => sql`min(${name})`),
  max: ({ value, where }, keep) =>
    keep(sql`max(${value})${filterOf(where)}`, (name) => sql`max(${name})`),
  first: (input, keep, { order }) => pickOf(input, keep, order, "min"),
  last: (input, keep, { order }) => pickOf(input, keep, order, "max"),
  approxCountDistinct: (input, keep) => rankOf(approxCountDistinctParts(input), keep),
  quantile: (input, keep) => rankOf(quantileParts(input), keep),
  approxQuantile: (input, keep) => rankOf(approxQuantileParts(input), keep),
  top: (input, keep, { order }) => rankOf(topParts(input, order), keep),
};

function rankOf({ partial, merge, result }: RankParts, keep: Keep): Sql {
  return result(keep(partial, merge));
}

function and(where: Sql | null, condition: Sql): Sql {
  return where === null ? condition : sql`${where} AND ${condition}`;
}

function keepCount(partial: Sql, keep: Keep): Sql {
  return keep(partial, (name) => sql`CAST(sum(${name}) AS BIGINT)`);
}

function countOf({ value, where }: AggregateInput, keep: Keep): Sql {
  return keepCount(sql`count(${value})${filterOf(where)}`, keep);
}

function decimalOf(input: AggregateInput, keep: Keep): Sql {
  if (isNarrow(input.expression)) return keep(sum(input.value, input), mergeSum);
  const { usual, high, low } = decimalParts(input);
  return decimalTotal(input.expression, {
    usual: keep(usual, mergeSum),
    high: keep(high, mergeSum),
    low: keep(low, mergeSum),
  });
}

/** What cannot be added exactly is kept value by value, since it is added in order of position. */
function floatOf(input: AggregateInput, keep: Keep, result: (total: Sql, count: Sql) => Sql): Sql {
  const { high, low, rows, isOther } = floatParts(input);
  const others = keep(
    sql`list({'seq': ${input.seq}, 'value': ${input.raw}})${filterOf(isOther)}`,
    (name) => sql`flatten(list(${name})${filterOf(sql`${name} IS NOT NULL`)})`,
  );
  const inOrder = sql`list_transform(list_sort(${others}), lambda _o: _o."value")`;
  const parts = {
    high: keep(high, mergeSum),
    low: keep(low, mergeSum),
    rows: keepCount(rows, keep),
    others: sql`CASE WHEN len(${others}) > 0
      THEN list_reduce(${inOrder}, lambda _a, _b: _a + _b) END`,
  };
  return floatTotal(parts, result);
}

/** The value beside its place in the order of the rows. */
function pickOf({ value, where }: AggregateInput, keep: Keep, order: Sql, by: "min" | "max"): Sql {
  const pick = sql.keyword(by);
  const arg = sql.keyword(`arg_${by}`);
  const present = and(where, sql`${value} IS NOT NULL`);
  const place = keep(sql`${pick}(${order})${filterOf(present)}`, (name) => sql`${pick}(${name})`);
  return keep(
    sql`${arg}(${value}, ${order})${filterOf(where)}`,
    (name) => sql`${arg}(${name}, ${place})`,
  );
}
