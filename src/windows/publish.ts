/** Closes windows and corrects them: one SQL aggregation over stored rows each. */
import { sql, type Sql } from "../core/sql.ts";
import { type RelationOptions } from "../engine/table.ts";
import { type Transaction } from "../engine/transaction.ts";
import {
  type DatasetPlan,
  type GridPlan,
  type HoppingPlan,
  type WindowPlan,
} from "../plan/plan.ts";
import { printAggregate, printExpression, rowOrder } from "../plan/print-duckdb.ts";
import { bucketed } from "./bucket.ts";
import { addLatePanes, closedHops, correctedHops, type Hops, keepsPanes } from "./hopping.ts";
import { type LateTables } from "./late.ts";
import { insertResults } from "./results.ts";

export interface Range {
  readonly fromUs: bigint;
  readonly toUs: bigint;
}

/** What is published, and what is known of its rows. */
export interface Publication {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: GridPlan;
  readonly late: LateTables | null;
  /** Only rows before it count; undefined: all that are stored. */
  readonly endSeq: number | undefined;
  /** Whether the panes of open hopping windows are at hand. */
  readonly hasPanes: boolean;
}

/**
 * Publishes the windows that end after the range's start and at its end at the latest (it is
 * aligned to their borders). Gives the number of results.
 */
export async function publishClosed(publication: Publication, range: Range): Promise<number> {
  const { tx, dataset, window, late } = publication;
  const groups = await closedGroups(publication, range);
  const names = byNames(window);
  const measures = window.measures.map((one) => sql.id("g", one.name));
  const revision =
    late === null || late.dirtyGroups === 0
      ? { value: sql`1`, join: sql.empty }
      : {
          value: sql`1 + coalesce(d._late, 0)`,
          join: sql`LEFT JOIN ${late.dirty} AS d ON ${sameGroup(window, "g", "d")}`,
        };
  // An early result may be there.
  const repeats = window.emit === "update" ? "always" : "never";
  const published = await insertResults(tx, window, repeats, {
    values: [
      sql`g._ws`,
      sql`g._we`,
      ...names.map((name) => sql.id("g", name)),
      ...measures,
      revision.value,
      sql`FALSE`,
    ],
    from: sql`${groups} AS g ${revision.join}`,
    order: [sql`g._ws`, ...names.map((name) => sql.id("g", name))],
  });
  if (late === null || late.dirtyGroups === 0 || dataset.key.length === 0) return published;
  await publishEmptied(tx, window, range, late.dirty, groups);
  return published;
}

/** Groups whose last row was replaced between the close and the end of the batch. */
async function publishEmptied(
  tx: Transaction,
  window: WindowPlan,
  range: Range,
  dirty: Sql,
  groups: Sql,
): Promise<void> {
  const names = byNames(window);
  const [from, to] = [range.fromUs, range.toUs].map(
    (us) => sql`make_timestamp(${sql.literal(us)})`,
  );
  await insertResults(tx, window, window.emit === "update" ? "always" : "never", {
    values: [
      sql`d._ws`,
      sql`d._we`,
      ...names.map((name) => sql.id("d", name)),
      ...window.measures.map(() => sql`NULL`),
      sql`1 + d._late`,
      sql`TRUE`,
    ],
    from: sql`(SELECT _ws, _we, _late${sql.join(
      names.map((name) => sql`, ${sql.id(name)}`),
      "",
    )}
        FROM ${dirty} AS all_dirty WHERE _we > ${from ?? sql`NULL`} AND _we <= ${to ?? sql`NULL`}) AS d
      ANTI JOIN ${groups} AS g ON ${sameGroup(window, "d", "g")}`,
    order: [sql`d._ws`, ...names.map((name) => sql.id("d", name))],
  });
}

/** SQL for the results of the windows that close: `_ws`, `_we`, the by-columns, the measures. */
async function closedGroups(publication: Publication, range: Range): Promise<Sql> {
  const { tx, dataset, window } = publication;
  if (window.kind === "hopping") return closedHops(hopsOf(publication, window), range);
  const rows = tx.relation(dataset.name, { ...range, ...visible(publication) });
  return aggregate(tx, dataset, window, rows, range);
}

/** Late rows join the panes of windows that are still open. */
export async function keepLateRows(publication: Publication, closedUntilUs: bigint): Promise<void> {
  const { window } = publication;
  if (window.kind === "hopping") await addLatePanes(hopsOf(publication, window), closedUntilUs);
}

function hopsOf(publication: Publication, window: HoppingPlan): Hops {
  const { dataset, endSeq } = publication;
  const options = keepsPanes(dataset) ? {} : { beforeSeq: endSeq };
  return { ...publication, window, visible: options };
}

/** Publishes corrections of windows that were closed before `closedBeforeUs`. */
export async function publishCorrections(
  publication: Publication & { readonly late: LateTables },
  closedBeforeUs: bigint,
): Promise<number> {
  const { tx, dataset, window, late } = publication;
  const wasClosed = sql`_we <= make_timestamp(${sql.literal(closedBeforeUs)})`;
  const [range] = await tx.connection.rows<Record<"from" | "last" | "to", bigint | null>>(
    sql`SELECT epoch_us(min(_ws)) AS "from", epoch_us(max(_ws)) AS "last", epoch_us(max(_we)) AS "to"
          FROM ${late.dirty} AS d WHERE ${wasClosed}`,
  );
  if (range === undefined || range.from === null || range.last === null || range.to === null) {
    return 0;
  }
  const span = { fromUs: range.from, toUs: range.to };
  const starts = { fromUs: range.from, lastUs: range.last };
  const groups =
    window.kind === "hopping"
      ? await correctedHops(hopsOf(publication, window), starts, late.dirty)
      : await aggregate(
          tx,
          dataset,
          window,
          tx.relation(dataset.name, { ...span, ...visible(publication) }),
          span,
          { only: late.dirty },
        );
  // A result that was taken back keeps its revision: the group may come again.
  const older = tx.relation(window.name, { ...span, withDeleted: true });
  const names = byNames(window);
  return insertResults(tx, window, "always", {
    values: [
      sql`d._ws`,
      sql`d._we`,
      ...names.map((name) => sql.id("d", name)),
      ...window.measures.map((one) => sql.id("g", one.name)),
      // An early one that was taken back has revision 0, and is no result.
      sql`greatest(coalesce(o.revision, 1), 1) + d._late`,
      // A group without rows is taken back: an upsert moved its last row elsewhere.
      sql`g._ws IS NULL`,
    ],
    from: sql`(SELECT _ws, _we, _late${sql.join(
      names.map((name) => sql`, ${sql.id(name)}`),
      "",
    )}
        FROM ${late.dirty} AS all_dirty WHERE ${wasClosed}) AS d
      LEFT JOIN ${groups} AS g ON ${sameGroup(window, "d", "g")}
      LEFT JOIN ${older} AS o ON ${sameResult(window)}`,
    order: [sql`d._ws`, ...names.map((name) => sql.id("d", name))],
  });
}

/**
 * Which of the stored rows count. Rows beyond the lateness do not, so that what they replaced still
 * does. Where a key leaves time open, the stage works through a batch in runs in which no window
 * changes its state: then only rows behind the run have to be kept out.
 */
function visible({ tx, dataset, late, endSeq }: Publication): RelationOptions {
  const table = tx.table(dataset.name);
  if (table.isKeyed && endSeq !== undefined) return { beforeSeq: endSeq };
  return late === null || late.beyondRows === 0 ? {} : { without: late.beyond };
}

export function byNames(window: WindowPlan): readonly string[] {
  return window.by.map((one) => one.name);
}

/**
 * A sub-select: `_ws`, `_we`, the by-columns, the measures. `only` keeps the groups that it names;
 * `out` has `_seq` and `_ws` of rows that do not count in a window.
 */
export async function aggregate(
  tx: Transaction,
  dataset: DatasetPlan,
  window: GridPlan,
  rows: Sql,
  range: Range,
  { only, out }: { readonly only?: Sql | undefined; readonly out?: Sql | undefined } = {},
): Promise<Sql> {
  const columns = tx.table(dataset.name).columnNames;
  const at = sql.id(dataset.eventTime);
  const inWindows = await bucketed(tx.connection, window, rows, at, columns);
  const by = window.by.map((one) => ({
    name: sql.id(`by ${one.name}`),
    sql: printExpression(one.expression),
    as: sql.id(one.name),
  }));
  const where = window.where === null ? sql.empty : sql`WHERE (${printExpression(window.where)})`;
  const anti =
    out === undefined ? sql.empty : sql`ANTI JOIN ${out} AS x ON x._seq = b._seq AND x._ws = b._ws`;
  const keyed = sql`(SELECT ${sql.join(columns.map((name) => sql.id("b", name)))}, _ws, _we
      ${sql.join(
        by.map((one) => sql`, ${one.sql} AS ${one.name}`),
        "",
      )}
    FROM ${inWindows} AS b ${anti} ${where})`;
  const chosen =
    only === undefined
      ? sql.empty
      : sql`WHERE EXISTS (SELECT 1 FROM ${only} AS d WHERE d._ws = k._ws
          ${sql.join(
            by.map((one) => sql` AND d.${one.as} IS NOT DISTINCT FROM k.${one.name}`),
            "",
          )})`;
  const seq = sql`_seq`;
  // Within a short range one 64-bit number orders the rows, which is twice as fast as a wider one.
  const order = rowOrder(at, seq, {
    minTimeUs: range.fromUs,
    maxTimeUs: range.toUs,
    minSeq: 0n,
    maxSeq: BigInt(tx.nextSeq(dataset.name)),
  });
  const scope = { eventTime: at, seq, order };
  const measures = window.measures.map(
    (one) => sql`, ${printAggregate(one.aggregate, scope)} AS ${sql.id(one.name)}`,
  );
  return sql`(SELECT _ws, _we ${sql.join(
    by.map((one) => sql`, ${one.name} AS ${one.as}`),
    "",
  )}
      ${sql.join(measures, "")}
    FROM ${keyed} AS k ${chosen}
    GROUP BY _ws, _we ${sql.join(
      by.map((one) => sql`, ${one.name}`),
      "",
    )})`;
}

export function sameGroup(window: WindowPlan, left: string, right: string): Sql {
  const parts = window.by.map(
    (one) => sql` AND ${sql.id(left, one.name)} IS NOT DISTINCT FROM ${sql.id(right, one.name)}`,
  );
  return sql`${sql.id(left, "_ws")} = ${sql.id(right, "_ws")}${sql.join(parts, "")}`;
}

function sameResult(window: WindowPlan): Sql {
  const parts = window.by.map(
    (one) => sql` AND d.${sql.id(one.name)} IS NOT DISTINCT FROM o.${sql.id(one.name)}`,
  );
  return sql`d._ws = o.window_start${sql.join(parts, "")}`;
}
