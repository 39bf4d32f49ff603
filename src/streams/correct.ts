/**
 * Rows of a reference that come after rows whose match they are: each of them corrects those rows,
 * one after the other, as if every row had come alone.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type LookupPlan, type StreamPlan } from "../plan/plan.ts";
import { lookupsOf } from "../plan/stream-plan.ts";
import { emit, type Emitted } from "./emit.ts";
import { among, hitOf, isMatched, joined, partnersOf, sameKeys, sourceTime } from "./join-rows.ts";
import { batchRows } from "./met.ts";

const REFERENCES = sql`temp._stream_references`;
const WON = sql`temp._stream_won`;

/** Null where no row is corrected. */
export async function correct(
  tx: Transaction,
  stream: StreamPlan,
  join: LookupPlan,
  rows: AppliedRows,
  watermarkUs: bigint | null,
): Promise<Emitted | null> {
  await keepReferences(tx, join, rows);
  const count = await findWon(tx, stream, join, rows, watermarkUs);
  if (count === 0) return null;
  const source = tx.table(stream.from).columnNames;
  const names = [...source, "_place"];
  const index = lookupsOf(stream).indexOf(join);
  const brought = join.select.map((one) => sql`r.${sql.id(one.column)} AS ${sql.id(one.name)}`);
  const own = names.map((name) => sql.id("w", name));
  const hit = sql`TRUE AS ${sql.id(hitOf(index))}`;
  const corrected = {
    from: sql`(SELECT ${sql.join([...own, ...brought, hit])}
      FROM ${WON} AS w JOIN ${REFERENCES} AS r ON w._reference = r._seq)`,
    columns: [...names, ...join.select.map((one) => one.name), hitOf(index)],
  };
  const all = joined(tx, stream, corrected, () => undefined, new Set([join]));
  return emit(tx, stream, {
    rows: all.from,
    isThere: isMatched(stream),
    span: count,
    repeats: "always",
  });
}

async function keepReferences(tx: Transaction, join: LookupPlan, rows: AppliedRows): Promise<void> {
  const { plan } = tx.table(join.with).stored;
  const read = [...join.on.map((one) => one.other), ...join.select.map((one) => one.column)];
  const names = [...new Set([...read, plan.eventTime, "_seq"])].map((name) => sql.id(name));
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _stream_references AS
        FROM ${batchRows(tx, rows, sql.join(names))} AS b`,
  );
}

/**
 * Fills `WON`: the stored rows with each reference that becomes their match, in the order in which
 * that happens; gives their number.
 */
async function findWon(
  tx: Transaction,
  stream: StreamPlan,
  join: LookupPlan,
  rows: AppliedRows,
  watermarkUs: bigint | null,
): Promise<number> {
  const { columnNames } = tx.table(stream.from);
  const namesOf = (rows: string): Sql => sql.join(columnNames.map((name) => sql.id(rows, name)));
  const at = sql.id(sourceTime(tx, stream));
  const since = sql.id(tx.table(join.with).stored.plan.eventTime);
  const touched = touchedRows(tx, stream, join, rows, watermarkUs);
  const earlier = partnersOf(tx, touched, join, { beforeSeq: rows.firstSeq });
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _stream_won AS
        WITH m AS (FROM ${touched} AS t),
             before AS (SELECT ${namesOf("m")}, e.${since} AS _match
                          FROM m ASOF LEFT JOIN ${earlier} AS e
                            ON ${sameKeys(join, "m", "e")} AND m.${at} >= e.${since}),
             tried AS (SELECT ${namesOf("b")}, b._match, r._seq AS _reference, r.${since} AS _since,
                              max(r.${since}) OVER (PARTITION BY b._seq ORDER BY r._seq
                                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _last
                         FROM before AS b JOIN ${REFERENCES} AS r
                           ON ${sameKeys(join, "b", "r")} AND b.${at} >= r.${since})
        SELECT ${namesOf("t")}, _reference, row_number() OVER (ORDER BY _reference, _seq) - 1 AS _place
          FROM tried AS t WHERE _since >= coalesce(greatest(_match, _last), _since)`,
  );
  const [found] = await tx.connection.rows<{ n: bigint }>(
    sql`SELECT count(*) AS n FROM ${WON} AS w`,
  );
  return Number(found?.n ?? 0n);
}

/** Rows of the source that a reference of the batch may be the match of. */
function touchedRows(
  tx: Transaction,
  stream: StreamPlan,
  join: LookupPlan,
  rows: AppliedRows,
  watermarkUs: bigint | null,
): Sql {
  const { allowedLatenessUs } = join;
  const settledUs =
    allowedLatenessUs === null || watermarkUs === null
      ? null
      : watermarkUs - BigInt(allowedLatenessUs);
  const { min } = rows.eventTimeUs;
  const others = sql.join(join.on.map((one) => sql.id(one.other)));
  return among(
    tx,
    stream.from,
    join.on.map((one) => one.own),
    sql`(SELECT ${others} FROM ${REFERENCES} AS k)`,
    { fromUs: settledUs !== null && settledUs > min ? settledUs : min },
  );
}
