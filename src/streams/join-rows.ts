/** Puts the columns of other relations beside rows. */
import { sql, type Sql } from "../core/sql.ts";
import { type RelationOptions } from "../engine/table.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type JoinPlan, type LookupPlan, type StreamPlan } from "../plan/plan.ts";
import { lookupsOf } from "../plan/stream-plan.ts";

/** Rows on their way into a stream. */
export interface Rows {
  readonly from: Sql;
  readonly columns: readonly string[];
}

/** How much of each relation is there already; all of it where nothing is said. */
export type BeforeSeq = (relation: string) => number | undefined;

/** The rows with the columns of all joins, and `_hit<n>`: whether join n has found a partner. */
export function joined(
  tx: Transaction,
  stream: StreamPlan,
  rows: Rows,
  beforeSeq: BeforeSeq,
  done: ReadonlySet<LookupPlan> = new Set(),
): Rows {
  let all = rows;
  for (const [index, join] of lookupsOf(stream).entries()) {
    if (done.has(join)) continue;
    all = withPartner(tx, stream, all, join, {
      hit: hitOf(index),
      beforeSeq: beforeSeq(join.with),
    });
  }
  return all;
}

/** Says for a join of the stream whether it has found a partner. */
export function hitOf(index: number): string {
  return `_hit${index}`;
}

/** False where an inner join has found nothing. */
export function isMatched(stream: StreamPlan): Sql {
  const inner = lookupsOf(stream).flatMap((join, index) =>
    join.keeps === "inner" ? [sql`coalesce(${sql.id(hitOf(index))}, FALSE)`] : [],
  );
  return inner.length === 0 ? sql`TRUE` : sql.join(inner, " AND ");
}

function withPartner(
  tx: Transaction,
  stream: StreamPlan,
  rows: Rows,
  join: LookupPlan,
  options: { readonly hit: string; readonly beforeSeq: number | undefined },
): Rows {
  const own = rows.columns.map((name) => sql.id("i", name));
  const brought = join.select.map((one) => sql`r.${sql.id(one.column)} AS ${sql.id(one.name)}`);
  const hit = sql`r._seq IS NOT NULL AS ${sql.id(options.hit)}`;
  const isLatest = join.at === "latest";
  const partners = partnersOf(tx, rows.from, join, { beforeSeq: options.beforeSeq });
  const atSql = [sql.id("i", sourceTime(tx, stream)), sql.id("r", timeOf(tx, join))];
  const kind = isLatest ? sql`LEFT JOIN` : sql`ASOF LEFT JOIN`;
  const inTime = isLatest ? sql.empty : sql` AND ${sql.join(atSql, " >= ")}`;
  return {
    from: sql`(SELECT ${sql.join([...own, ...brought, hit])}
      FROM ${rows.from} AS i ${kind} ${partners} AS r ON ${sameKeys(join, "i", "r")}${inTime})`,
    columns: [...rows.columns, ...join.select.map((one) => one.name), options.hit],
  };
}

/** The name of the event time in the rows that a stream follows. */
export function sourceTime(tx: Transaction, stream: StreamPlan): string {
  return tx.table(stream.from).stored.plan.eventTime;
}

function timeOf(tx: Transaction, join: LookupPlan): string {
  return tx.table(join.with).stored.plan.eventTime;
}

export function sameKeys(join: JoinPlan, own: string, other: string): Sql {
  const parts = join.on.map((one) => sql`${sql.id(own, one.own)} = ${sql.id(other, one.other)}`);
  return sql.join(parts, " AND ");
}

/** One row for each key, or for each key and time: of equal ones the newest. */
export function partnersOf(
  tx: Transaction,
  rows: Sql,
  join: LookupPlan,
  options: RelationOptions,
): Sql {
  const { plan } = tx.table(join.with).stored;
  const keys = sql.join(join.on.map((one) => sql.id(one.own)));
  const others = join.on.map((one) => one.other);
  const found = among(tx, join.with, others, sql`(SELECT ${keys} FROM ${rows} AS k)`, options);
  const names = new Set([...others, ...join.select.map((one) => one.column), plan.eventTime]);
  const columns = sql.join([...[...names].map((name) => sql.id(name)), sql`_seq`]);
  const distinct = join.at === "latest" ? others : [...others, plan.eventTime];
  const isUnique = plan.key.length > 0 && plan.key.every((name) => distinct.includes(name));
  if (isUnique) return sql`(SELECT ${columns} FROM ${found} AS p)`;
  const same = sql.join(distinct.map((name) => sql.id(name)));
  return sql`(SELECT ${columns} FROM ${found} AS p
    QUALIFY row_number() OVER (PARTITION BY ${same} ORDER BY _seq DESC) = 1)`;
}

/**
 * The rows of a relation whose `names` are among `keys`. Chosen before the newest row of each key
 * is, where that comes to the same: then only what is asked for is sorted.
 */
export function among(
  tx: Transaction,
  relation: string,
  names: readonly string[],
  keys: Sql,
  options: RelationOptions,
): Sql {
  const columns = sql.join(names.map((name) => sql.id(name)));
  const where = names.length === 1 ? sql`${columns} IN ${keys}` : sql`(${columns}) IN ${keys}`;
  const { plan } = tx.table(relation).stored;
  const isOfKey = plan.key.length === 0 || names.every((name) => plan.key.includes(name));
  if (isOfKey) return tx.relation(relation, { ...options, where });
  return sql`(FROM ${tx.relation(relation, options)} AS a WHERE ${where})`;
}
