/**
 * Windows over windows: they read the results of another one, close with it, and follow all its
 * corrections. What they publish depends on nothing but those results, so it does not matter how
 * rows were grouped.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type GridPlan, type TumblingPlan } from "../plan/plan.ts";
import { printExpression } from "../plan/print-duckdb.ts";
import { resultsAsDataset } from "../plan/result-dataset.ts";
import { bucketed, closedBoundary, paneIndex, paneStart } from "./bucket.ts";
import { fill } from "./late.ts";
import { aggregate, byNames, type Range, sameGroup } from "./publish.ts";
import { insertResults } from "./results.ts";

export interface Following {
  readonly tx: Transaction;
  readonly upstream: GridPlan;
  readonly window: TumblingPlan;
}

/** No result that the upstream window has yet to publish on time begins before this. */
function firstOpenStart(upstream: GridPlan, closedUntilUs: bigint): bigint {
  if (upstream.kind === "tumbling") return closedUntilUs;
  return paneStart(upstream, paneIndex(upstream, closedUntilUs) - BigInt(upstream.panes) + 1n);
}

/** Publishes again what the results with `_seq` from `firstSeq` on have changed. */
export async function followCorrections(
  of: Following,
  firstSeq: number,
  closedUntilUs: bigint,
): Promise<number> {
  const { tx, upstream, window } = of;
  const table = tx.table(upstream.name);
  const names = sql.join(table.columnNames.map((name) => sql.id(name)));
  const changed = sql`(SELECT ${names} FROM ${table.memoryTable(table.generation)}
    WHERE _seq >= ${sql.literal(firstSeq)} AND revision > 0)`;
  const keys = byNames(window).map((name) => sql`, ${sql.id(name)}`);
  const inWindows = await grouped(of, changed, sql.empty);
  const dirty = sql`temp._followed`;
  const count = await fill(
    tx,
    "_followed",
    sql`SELECT DISTINCT _ws, _we${sql.join(keys, "")} FROM ${inWindows} AS g
         WHERE _we <= make_timestamp(${sql.literal(closedUntilUs)})`,
  );
  if (count === 0) return 0;
  const [range] = await tx.connection.rows<{ from: bigint; to: bigint }>(
    sql`SELECT epoch_us(min(_ws)) AS "from", epoch_us(max(_we)) AS "to" FROM ${dirty} AS d`,
  );
  const span = { fromUs: range?.from ?? 0n, toUs: range?.to ?? 0n };
  const groups = await resultsOf(of, span, dirty);
  const late = await latenessOf(of, span);
  return insertResults(tx, window, "always", followedResults(window, dirty, groups, late));
}

/** Groups by their keys: with their measures, or as a tombstone where they have no rows. */
function followedResults(
  window: TumblingPlan,
  keys: Sql,
  groups: Sql,
  late: Sql,
): Parameters<typeof insertResults>[3] {
  const by = byNames(window).map((name) => sql.id("d", name));
  return {
    values: [
      sql`d._ws`,
      sql`d._we`,
      ...by,
      ...window.measures.map((one) => sql.id("g", one.name)),
      sql`CAST(1 + coalesce(r._late, 0) AS BIGINT)`,
      sql`g._ws IS NULL`,
    ],
    from: sql`${keys} AS d LEFT JOIN ${groups} AS g ON ${sameGroup(window, "d", "g")}
      LEFT JOIN ${late} AS r ON ${sameGroup(window, "d", "r")}`,
    order: [sql`d._ws`, ...by],
  };
}

/** Publishes the windows whose upstream results are all there. */
export async function followClosed(
  of: Following,
  before: bigint | null,
  upstreamClosedUs: bigint,
): Promise<{ readonly published: number; readonly closedUntilUs: bigint | null }> {
  const { tx, upstream, window } = of;
  const toUs = closedBoundary(window, firstOpenStart(upstream, upstreamClosedUs));
  const fromUs = before ?? (await firstStart(of));
  if (fromUs === null || toUs <= fromUs) return { published: 0, closedUntilUs: before };
  const range = { fromUs, toUs };
  const groups = await resultsOf(of, range);
  const late = await latenessOf(of, range);
  const keys = sql.join(["_ws", "_we", ...byNames(window)].map((name) => sql.id(name)));
  // A group whose upstream results were all taken back gets a tombstone: windows over this one
  // count its late rows, whether it was published before they came or not.
  const known = sql`(SELECT ${keys} FROM ${groups} AS a UNION SELECT ${keys} FROM ${late} AS b)`;
  const published = await insertResults(
    tx,
    window,
    "never",
    followedResults(window, known, groups, late),
  );
  return { published, closedUntilUs: toUs };
}

async function firstStart({ tx, upstream, window }: Following): Promise<bigint | null> {
  const results = tx.relation(upstream.name, { withDeleted: true });
  const [first] = await tx.connection.rows<{ at: bigint | null }>(
    sql`SELECT epoch_us(min(window_start)) AS at FROM ${results} AS r`,
  );
  return first === undefined || first.at === null ? null : closedBoundary(window, first.at);
}

/** Results of one start are told apart by their group, not by when they were published. */
async function resultsOf(of: Following, range: Range, only?: Sql): Promise<Sql> {
  const { tx, upstream, window } = of;
  const names = tx.table(upstream.name).columnNames.filter((name) => name !== "_seq");
  const order = resultsAsDataset(upstream).key.map((name) => sql.id(name));
  const rows = sql`(SELECT ${sql.join(names.map((name) => sql.id(name)))},
      row_number() OVER (ORDER BY ${sql.join(order)}) AS _seq
    FROM ${tx.relation(upstream.name, range)} AS u WHERE revision > 0)`;
  return aggregate(tx, resultsAsDataset(upstream), window, rows, range, { only });
}

/** `_late`: the late rows in all results of a group, also in those that were taken back. */
async function latenessOf(of: Following, range: Range): Promise<Sql> {
  const { tx, upstream, window } = of;
  const names = sql.join(tx.table(upstream.name).columnNames.map((name) => sql.id(name)));
  const results = tx.relation(upstream.name, { ...range, withDeleted: true });
  const corrected = sql`(SELECT ${names} FROM ${results} AS u WHERE revision > 1)`;
  const keys = byNames(window).map((name) => sql`, ${sql.id(name)}`);
  return sql`(SELECT _ws, _we${sql.join(keys, "")}, sum(_revision - 1) AS _late
    FROM ${await grouped(of, corrected, sql`, revision AS _revision`)} AS g
    GROUP BY _ws, _we${sql.join(keys, "")})`;
}

/** Upstream results in their windows and groups: `_ws`, `_we`, the by-columns. */
async function grouped(of: Following, rows: Sql, more: Sql): Promise<Sql> {
  const { tx, upstream, window } = of;
  const columns = tx.table(upstream.name).columnNames;
  const at = sql.id("window_start");
  const inWindows = await bucketed(tx.connection, window, rows, at, columns);
  const by = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(one.name)}`,
  );
  const where = window.where === null ? sql.empty : sql`WHERE (${printExpression(window.where)})`;
  return sql`(SELECT _ws, _we${more}${sql.join(by, "")} FROM ${inWindows} AS b ${where})`;
}
