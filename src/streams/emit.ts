/** Puts a stream's rows where people find them. */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type StreamPlan } from "../plan/plan.ts";
import { printExpression } from "../plan/print-duckdb.ts";

/** Rows that a stream's own are computed from, one by one. */
export interface Input {
  /** A sub-select: the columns that the stream's expressions read, and `_place`, from 0. */
  readonly rows: Sql;
  /** SQL over `rows`: false where the row does not belong into the stream whatever it holds. */
  readonly isThere: Sql;
  /** Places that are taken, holes included. */
  readonly span: number;
  /** Whether the rows may replace each other or what is stored. */
  readonly repeats: "never" | "always" | "check";
}

/** What was stored: `_seq` is `firstSeq` and the place. */
export interface Emitted extends Pick<AppliedRows, "firstSeq" | "endSeq" | "rows"> {
  /** Meaningless where there is no row. */
  readonly minUs: bigint;
  readonly maxUs: bigint;
}

export async function emit(tx: Transaction, stream: StreamPlan, input: Input): Promise<Emitted> {
  const firstSeq = tx.nextSeq(stream.name);
  const isKeyed = stream.key.length > 0;
  const { rows } = isKeyed
    ? await emitReplacing(tx, stream, input)
    : await tx.insert(stream.name, {
        columns: selected(stream),
        from: sql`${input.rows} AS i WHERE ${belongs(stream, input)}`,
        offset: sql`_place`,
        span: input.span,
        repeats: "never",
      });
  const endSeq = tx.nextSeq(stream.name);
  if (rows === 0) return { firstSeq, endSeq, rows, minUs: 0n, maxUs: 0n };
  const table = tx.table(stream.name);
  const at = sql.id(stream.eventTime);
  const [times] = await tx.connection.rows<{ min: bigint; max: bigint }>(
    sql`SELECT epoch_us(min(${at})) AS min, epoch_us(max(${at})) AS max
          FROM ${table.memoryTable(table.generation)} WHERE _seq >= ${sql.literal(firstSeq)}`,
  );
  return { firstSeq, endSeq, rows, minUs: times?.min ?? 0n, maxUs: times?.max ?? 0n };
}

function selected(stream: StreamPlan): Sql {
  return sql.join(
    stream.select.map((one) => sql`${printExpression(one.expression)} AS ${sql.id(one.name)}`),
  );
}

function belongs(stream: StreamPlan, { isThere }: Input): Sql {
  if (stream.where === null) return isThere;
  return sql`${isThere} AND coalesce(${printExpression(stream.where)}, FALSE)`;
}

/** Where rows are replaced, one that no longer belongs takes back what is stored of its key. */
async function emitReplacing(
  tx: Transaction,
  stream: StreamPlan,
  input: Input,
): Promise<{ readonly rows: number }> {
  const out = sql`temp._stream_rows`;
  const isNew = input.repeats === "never";
  const where = isNew ? sql`WHERE ${belongs(stream, input)}` : sql.empty;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _stream_rows AS
        SELECT ${selected(stream)}, NOT (${belongs(stream, input)}) AS _deleted, _place
          FROM ${input.rows} AS i ${where}`,
  );
  if (!isNew) await dropIdleTombstones(tx, stream, out);
  const names = sql.join([...stream.columns.map(({ name }) => sql.id(name)), sql`_deleted`]);
  const [times] = await tx.connection.rows<{ min: bigint | null; max: bigint | null }>(
    sql`SELECT epoch_us(min(${sql.id(stream.eventTime)})) AS min,
               epoch_us(max(${sql.id(stream.eventTime)})) AS max FROM ${out} AS o`,
  );
  const { min, max } = times ?? { min: null, max: null };
  return tx.insert(stream.name, {
    columns: names,
    from: sql`${out} AS o`,
    offset: sql`_place`,
    span: input.span,
    repeats: input.repeats,
    ...(min === null || max === null ? {} : { rangeUs: { min, max } }),
  });
}

/** A row that never belonged leaves no trace: only what is there can be taken back. */
async function dropIdleTombstones(tx: Transaction, stream: StreamPlan, out: Sql): Promise<void> {
  const [found] = await tx.connection.rows<{ tombstones: bigint; min: bigint; max: bigint }>(
    sql`SELECT count(*) AS tombstones, epoch_us(min(${sql.id(stream.eventTime)})) AS min,
               epoch_us(max(${sql.id(stream.eventTime)})) AS max
          FROM ${out} AS o WHERE _deleted`,
  );
  if (found === undefined || found.tombstones === 0n) return;
  const key = sql.join(stream.key.map((name) => sql.id(name)));
  const isTimed = tx.table(stream.name).isKeyTimed;
  const stored = tx.relation(
    stream.name,
    isTimed ? { fromUs: found.min, toUs: found.max + 1n } : {},
  );
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _stream_idle AS
        SELECT _place FROM (
          SELECT _place, _deleted, lag(_deleted) OVER (PARTITION BY ${key} ORDER BY _place) AS _was,
                 EXISTS (SELECT 1 FROM ${stored} AS s WHERE ${sameKey(stream, "s", "o")}) AS _stored
            FROM ${out} AS o) AS v
         WHERE _deleted AND CASE WHEN _was IS NULL THEN NOT _stored ELSE _was END`,
  );
  await tx.connection.run(
    sql`DELETE FROM ${out} WHERE _place IN (SELECT _place FROM temp._stream_idle)`,
  );
}

function sameKey(stream: StreamPlan, left: string, right: string): Sql {
  const parts = stream.key.map((name) => sql`${sql.id(left, name)} = ${sql.id(right, name)}`);
  return sql.join(parts, " AND ");
}
