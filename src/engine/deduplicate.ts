/**
 * Duplicate removal: a row is the same as an accepted one when both are equal in the dedup columns
 * and their event times lie less than the horizon apart. Decided row by row in log order.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type DatasetPlan, type DedupPlan } from "../plan/plan.ts";
import { type EventTimes } from "../decode/batch.ts";
import { type Transaction } from "./transaction.ts";

/**
 * `rowid`s of the stage table that are duplicates, in order. Rows that share their columns with no
 * other are settled in SQL; the rest are few and walked over here.
 */
export async function findDuplicates(
  tx: Transaction,
  dataset: DatasetPlan,
  dedup: DedupPlan,
  staged: Sql,
  times: EventTimes | undefined,
): Promise<readonly number[]> {
  if (times === undefined) return [];
  const within = BigInt(dedup.withinUs);
  const older = tx.relation(dataset.name, {
    fromUs: times.min - within,
    toUs: times.max + within,
  });
  const names = sql.join(dedup.by.map((name) => sql.id(name)));
  const at = sql.id(dataset.eventTime);
  // One number for each set of equal rows; IS NOT DISTINCT FROM makes nulls equal.
  const candidates = sql`
    WITH s AS (SELECT rowid AS _place, epoch_us(${at}) AS _at, ${names} FROM ${staged}),
         o AS (SELECT -1 AS _place, epoch_us(${at}) AS _at, ${names} FROM ${older} AS stored
                WHERE EXISTS (SELECT 1 FROM s WHERE ${sameRow(dedup, "s", "stored")})),
         both_sides AS (SELECT _place, _at, ${names} FROM s UNION ALL SELECT _place, _at, ${names} FROM o),
         grouped AS (SELECT _place, _at, dense_rank() OVER (ORDER BY ${names}) AS _same,
                            count(*) OVER (PARTITION BY ${names}) AS _size FROM both_sides)
    SELECT _place, _at, _same FROM grouped WHERE _size > 1 ORDER BY _same, _place`;
  const rows = await tx.connection.rows<{ _place: bigint; _at: bigint; _same: bigint }>(candidates);
  return walk(rows, within);
}

function sameRow(dedup: DedupPlan, left: string, right: string): Sql {
  return sql.join(
    dedup.by.map((name) => sql`${sql.id(left, name)} IS NOT DISTINCT FROM ${sql.id(right, name)}`),
    " AND ",
  );
}

function walk(
  rows: readonly { _place: bigint; _at: bigint; _same: bigint }[],
  within: bigint,
): readonly number[] {
  const duplicates: number[] = [];
  let same = -1n;
  let accepted: bigint[] = [];
  for (const row of rows) {
    if (row._same !== same) {
      same = row._same;
      accepted = [];
    }
    const isDuplicate =
      row._place >= 0n &&
      accepted.some((at) => (at > row._at ? at - row._at : row._at - at) < within);
    if (isDuplicate) duplicates.push(Number(row._place));
    else accepted.push(row._at);
  }
  return duplicates.sort((a, b) => a - b);
}
