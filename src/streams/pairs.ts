/** Rows of two relations that lie within a bound of event time: each pair once. */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type RelationOptions } from "../engine/table.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type StreamPlan, type WithinPlan } from "../plan/plan.ts";
import { emit, type Emitted } from "./emit.ts";
import { among, type BeforeSeq, sameKeys } from "./join-rows.ts";
import { batchRows, microseconds } from "./met.ts";

/** The two sides of a join, one of which has just got rows. */
export interface Meeting {
  readonly stream: StreamPlan;
  readonly join: WithinPlan;
  readonly rows: AppliedRows;
  /** How far event time has come on the side that has got none, as the stream sees it. */
  readonly otherWatermarkUs: bigint | null;
}

export interface Paired extends Emitted {
  /** `_seq` of each pair, and the watermark of the stream that it met as `_wm`. */
  readonly met: Sql;
}

/** The pairs that rows make with what is stored, in the order of the rows. */
export async function pairWithStored(tx: Transaction, meeting: Meeting): Promise<Paired> {
  const { stream, join, rows, otherWatermarkUs } = meeting;
  const isOwn = rows.dataset === stream.from;
  const { columnNames } = tx.table(rows.dataset);
  const batch = batchRows(tx, rows, sql.join(columnNames.map((name) => sql.id(name))));
  const keys = (side: "own" | "other"): readonly string[] => join.on.map((one) => one[side]);
  const named = sql.join(keys(isOwn ? "own" : "other").map((name) => sql.id(name)));
  const [from, to] = [BigInt(join.fromUs), BigInt(join.toUs)];
  const { min, max } = rows.eventTimeUs;
  const range: RelationOptions = isOwn
    ? { fromUs: min + from, toUs: max + to + 1n }
    : { fromUs: min - to, toUs: max - from + 1n };
  const relation = isOwn ? join.with : stream.from;
  const asked = sql`(SELECT ${named} FROM ${batch} AS k)`;
  const stored = among(tx, relation, keys(isOwn ? "other" : "own"), asked, range);
  const sides = isOwn ? { own: batch, other: stored } : { own: stored, other: batch };
  const order = isOwn ? sql`l._seq, r._seq` : sql`r._seq, l._seq`;
  const emitted = await emitPairs(tx, stream, join, sides, order);
  const cause = isOwn ? sql`p._own` : sql`p._other`;
  // A partner may come so much later than its row: the stream is that far behind.
  const own = isOwn ? sql`m._wm` : sql`m._wm - ${sql.literal(join.toUs)}`;
  const other = microseconds(otherWatermarkUs);
  const met = sql`(SELECT ${sql.literal(emitted.firstSeq)} + p._place AS _seq,
      CASE WHEN m._wm IS NOT NULL AND ${other} IS NOT NULL THEN least(${own}, ${other}) END AS _wm
    FROM ${pairTable(stream)} AS p JOIN ${rows.derived?.met ?? sql.empty} AS m ON ${cause} = m._seq)`;
  return { ...emitted, met };
}

/** All pairs of what is stored: for a stream that is new. */
export function pairAll(
  tx: Transaction,
  stream: StreamPlan,
  join: WithinPlan,
  beforeSeq: BeforeSeq,
): Promise<Emitted> {
  const rowsOf = (name: string): Sql => tx.relation(name, { beforeSeq: beforeSeq(name) });
  const sides = { own: rowsOf(stream.from), other: rowsOf(join.with) };
  return emitPairs(tx, stream, join, sides, sql`l._seq, r._seq`);
}

/** Stays until the next pairs of the stream: those downstream ask it for the watermark. */
function pairTable(stream: StreamPlan): Sql {
  return sql.id("temp", "main", `_pairs_${stream.name}`);
}

async function emitPairs(
  tx: Transaction,
  stream: StreamPlan,
  join: WithinPlan,
  sides: { readonly own: Sql; readonly other: Sql },
  order: Sql,
): Promise<Emitted> {
  const own = tx.table(stream.from);
  const at = sql.id("l", own.stored.plan.eventTime);
  const otherAt = sql.id("r", tx.table(join.with).stored.plan.eventTime);
  const names = own.stored.plan.columns.map(({ name }) => sql.id("l", name));
  const brought = join.select.map((one) => sql`r.${sql.id(one.column)} AS ${sql.id(one.name)}`);
  const columns = sql.join([...names, ...brought, sql`l._seq AS _own`, sql`r._seq AS _other`]);
  const apart = sql`epoch_us(${otherAt}) - epoch_us(${at})`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE ${sql.id(`_pairs_${stream.name}`)} AS
        SELECT ${columns}, row_number() OVER (ORDER BY ${order}) - 1 AS _place
          FROM ${sides.own} AS l JOIN ${sides.other} AS r
            ON ${sameKeys(join, "l", "r")}
           AND ${apart} BETWEEN ${sql.literal(join.fromUs)} AND ${sql.literal(join.toUs)}`,
  );
  const [found] = await tx.connection.rows<{ pairs: bigint }>(
    sql`SELECT count(*) AS pairs FROM ${pairTable(stream)} AS p`,
  );
  return emit(tx, stream, {
    rows: pairTable(stream),
    isThere: sql`TRUE`,
    span: Number(found?.pairs ?? 0n),
    repeats: "never",
  });
}
