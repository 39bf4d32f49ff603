/**
 * Hopping windows through panes: rows are aggregated once for each slide, and windows merge the
 * states of their panes. Of a dataset whose rows are not replaced, the panes of open windows stay
 * in a table, so that closing a window reads the rows of its last pane only. The table is not
 * durable: after a restart the panes come from the stored rows again.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type HoppingPlan } from "../plan/plan.ts";
import { printExpression, rowOrder } from "../plan/print-duckdb.ts";
import { type Partials, printPartials } from "../plan/print-partial.ts";
import { paned, paneIndex, paneStart, withBounds } from "./bucket.ts";

/** Numbers of windows, by their first pane: half-open. */
export interface WindowRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** The windows that end after `fromUs`, and at `toUs` at the latest; both lie on borders. */
export function windowsEnding(window: HoppingPlan, fromUs: bigint, toUs: bigint): WindowRange {
  const panes = BigInt(window.panes);
  return {
    from: paneIndex(window, fromUs) - panes + 1n,
    to: paneIndex(window, toUs) - panes + 1n,
  };
}

/** The event times that the windows' rows have. */
export function rowsOfWindows(
  window: HoppingPlan,
  windows: WindowRange,
): { readonly fromUs: bigint; readonly toUs: bigint } {
  return {
    fromUs: paneStart(window, windows.from),
    toUs: paneStart(window, windows.to - 1n + BigInt(window.panes)),
  };
}

/** The panes that stay between two batches. */
export function paneTable(window: HoppingPlan): Sql {
  return sql.id("mem", `${window.name}#panes`);
}

/**
 * SQL for the panes of `rows`: `_p`, `_from` (the first window for which they count; null: all),
 * the by-columns, the state. `beyond` names rows that came too late for some windows.
 */
export async function panesOf(
  tx: Transaction,
  dataset: DatasetPlan,
  window: HoppingPlan,
  rows: Sql,
  beyond: Sql | null,
): Promise<Sql> {
  const columns = tx.table(dataset.name).columnNames;
  const at = sql.id(dataset.eventTime);
  const inPanes = await paned(tx.connection, window, rows, at, columns);
  const by = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(`by ${one.name}`)}`,
  );
  const where = window.where === null ? sql.empty : sql`WHERE (${printExpression(window.where)})`;
  const restricted =
    beyond === null
      ? { from: sql`CAST(NULL AS BIGINT)`, join: sql.empty, where: sql.empty }
      : {
          from: sql`b._from`,
          join: sql`LEFT JOIN ${beyond} AS b USING (_seq)`,
          // Too late for all its windows.
          where: sql`WHERE b._from IS NULL OR b._from <= k._p`,
        };
  const stored = sql.join(columns.map((name) => sql.id(name)));
  const keyed = sql`(SELECT ${stored}, _p${sql.join(by, "")}
    FROM ${inPanes} AS p ${where})`;
  const states = partials(dataset, window).states.map(
    (one) => sql`, ${one.partial} AS ${sql.id(one.name)}`,
  );
  const names = window.by.map((one) => sql`, ${sql.id(`by ${one.name}`)} AS ${sql.id(one.name)}`);
  const groups = window.by.map((one) => sql`, ${sql.id(`by ${one.name}`)}`);
  return sql`(SELECT _p, _from ${sql.join(names, "")} ${sql.join(states, "")}
    FROM (SELECT ${stored}, _p${sql.join(groups, "")}, ${restricted.from} AS _from
            FROM ${keyed} AS k ${restricted.join} ${restricted.where}) AS r
    GROUP BY _p, _from${sql.join(groups, "")})`;
}

function partials(dataset: DatasetPlan, window: HoppingPlan): Partials {
  const at = sql.id(dataset.eventTime);
  const seq = sql`_seq`;
  const scope = { eventTime: at, seq, order: rowOrder(at, seq) };
  return printPartials(
    window.measures.map((one) => one.aggregate),
    scope,
  );
}

/** SQL for the results of `windows` over panes in a table: `_ws`, `_we`, by-columns, measures. */
export async function mergePanes(
  tx: Transaction,
  dataset: DatasetPlan,
  window: HoppingPlan,
  panes: Sql,
  windows: WindowRange,
): Promise<Sql> {
  const { states, measures } = partials(dataset, window);
  const by = window.by.map((one) => one.name);
  const columns = [...by, ...states.map((one) => one.name)].map((name) => sql`, ${sql.id(name)}`);
  const first = sql`greatest(${sql.literal(windows.from)}, _p - ${sql.literal(window.panes - 1)})`;
  const end = sql`least(${sql.literal(windows.to)}, _p + 1)`;
  const exploded = sql`(SELECT _from, unnest(range(${first}, ${end})) AS _w ${sql.join(columns, "")}
    FROM ${panes} AS p)`;
  const merged = states.map((one) => sql`, ${one.merge} AS ${sql.id(one.name)}`);
  const names = sql.join(
    by.map((name) => sql`, ${sql.id(name)}`),
    "",
  );
  const whole = sql`(SELECT _w ${names} ${sql.join(merged, "")} FROM ${exploded} AS e
    WHERE _from IS NULL OR _w >= _from GROUP BY _w ${names})`;
  const results = window.measures.map(
    (one, index) => sql`, ${measures[index] ?? sql`NULL`} AS ${sql.id(one.name)}`,
  );
  const measured = sql`(SELECT _w ${names} ${sql.join(results, "")} FROM ${whole} AS m)`;
  return withBounds(
    tx.connection,
    window,
    measured,
    [...by, ...window.measures.map((one) => one.name)],
    exploded,
  );
}
