/** Sessions in SQL: by-columns, `_start`, `_last` (microseconds), `_late`, `_id`, states. */
import { sql, type Sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type SessionPlan } from "../plan/plan.ts";
import { printExpression, rowOrder } from "../plan/print-duckdb.ts";
import { type Partials, printPartials } from "../plan/print-partial.ts";

export interface Sessions {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: SessionPlan;
}

/** The open sessions: by-columns, `_start`, `_last` (microseconds), `_late`, `_id`, states. */
export function openTable(window: SessionPlan): Sql {
  return sql.id("mem", `${window.name}#sessions`);
}

export function partials({ dataset, window }: Sessions): Partials {
  const at = sql.id(dataset.eventTime);
  const seq = sql`_seq`;
  return printPartials(
    window.measures.map((one) => one.aggregate),
    { eventTime: at, seq, order: rowOrder(at, seq) },
  );
}

/** Sessions among `rows` alone. `steps` says by how much single rows count up a revision. */
export function smallSessions(of: Sessions, rows: Sql, steps: Sql | null): Sql {
  const { tx, dataset, window } = of;
  const columns = tx.table(dataset.name).columnNames.map((name) => sql.id(name));
  const by = window.by.map((one) => sql.id(`by ${one.name}`));
  const byValues = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(`by ${one.name}`)}`,
  );
  const where = window.where === null ? sql.empty : sql`WHERE (${printExpression(window.where)})`;
  const time = sql`epoch_us(${sql.id(dataset.eventTime)})`;
  const order = sql`${partition(by)} ORDER BY ${time}, _seq`;
  const late =
    steps === null
      ? { column: sql`0`, join: sql.empty }
      : { column: sql`coalesce(sum(_step), 0)`, join: sql`LEFT JOIN ${steps} AS st USING (_seq)` };
  const step = steps === null ? sql.empty : sql`, _step`;
  const counted = sql`(SELECT ${sql.join(columns)}${list(byValues)} FROM ${rows} AS r ${where})`;
  const begun = sql`(SELECT ${sql.join(columns)}${list(by.map((one) => sql`, ${one}`))}${step},
      CASE WHEN ${time} - lag(${time}) OVER (${order}) < ${sql.literal(window.gapUs)}
           THEN 0 ELSE 1 END AS _new FROM ${counted} AS c ${late.join})`;
  const numbered = sql`(SELECT ${sql.join(columns)}${list(by.map((one) => sql`, ${one}`))}${step},
      sum(_new) OVER (${order} ROWS UNBOUNDED PRECEDING) AS _number FROM ${begun} AS b)`;
  const named = window.by.map((one) => sql`${sql.id(`by ${one.name}`)} AS ${sql.id(one.name)}, `);
  const states = partials(of).states.map((one) => sql`, ${one.partial} AS ${sql.id(one.name)}`);
  return sql`(SELECT ${list(named)}min(${time}) AS _start, max(${time}) AS _last,
      CAST(${late.column} AS HUGEINT) AS _late, min(_seq) AS _id${list(states)}
    FROM ${numbered} AS n GROUP BY ${list(by.map((one) => sql`${one}, `))}_number)`;
}

function partition(by: readonly Sql[]): Sql {
  return by.length === 0 ? sql.empty : sql`PARTITION BY ${sql.join(by)}`;
}

/** Fragments that bring their commas. */
export function list(parts: readonly Sql[]): Sql {
  return sql.join(parts, "");
}

/** The by-columns in order, or a constant where there are none. */
export function names({ window }: Sessions, alias?: string): Sql {
  const by = window.by.map(({ name }) =>
    alias === undefined ? sql.id(name) : sql`${sql.id(alias, name)} AS ${sql.id(name)}`,
  );
  return by.length === 0 ? sql`0 AS _all` : sql.join(by);
}

export function stateNames(of: Sessions, alias?: string): Sql {
  return list(
    partials(of).states.map(
      ({ name }) => sql`, ${alias === undefined ? sql.id(name) : sql.id(alias, name)}`,
    ),
  );
}

export function sameBy(window: SessionPlan, left: string, right: string): Sql {
  return list(
    window.by.map(
      (one) => sql` AND ${sql.id(left, one.name)} IS NOT DISTINCT FROM ${sql.id(right, one.name)}`,
    ),
  );
}

/** Joins sessions of one group that are less than a gap apart. */
export function mergeSessions(of: Sessions, sessions: Sql): Sql {
  const { window } = of;
  const by = window.by.map((one) => sql.id(one.name));
  const columns = sql`${list(by.map((one) => sql`${one}, `))}_start, _last, _late, _id${stateNames(of)}`;
  const order = sql`${partition(by)} ORDER BY _start, _id`;
  const begun = sql`(SELECT ${columns}, CASE WHEN _start - max(_last) OVER (${order}
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) < ${sql.literal(window.gapUs)}
      THEN 0 ELSE 1 END AS _new FROM ${sessions} AS s)`;
  const numbered = sql`(SELECT ${columns},
      sum(_new) OVER (${order} ROWS UNBOUNDED PRECEDING) AS _number FROM ${begun} AS b)`;
  const states = partials(of).states.map((one) => sql`, ${one.merge} AS ${sql.id(one.name)}`);
  return sql`(SELECT ${list(by.map((one) => sql`${one}, `))}min(_start) AS _start,
      max(_last) AS _last, CAST(sum(_late) AS HUGEINT) AS _late, min(_id) AS _id${list(states)}
    FROM ${numbered} AS n GROUP BY ${list(by.map((one) => sql`${one}, `))}_number)`;
}
