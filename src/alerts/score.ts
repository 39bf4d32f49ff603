/** Scores new results: one statement over those of one window and, where asked, those before. */
import { sql, type Sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type AlertBounds, type AlertCondition, type AlertPlan } from "../plan/alert-plan.ts";
import { printExpression } from "../plan/print-duckdb.ts";
import { type Expression } from "../plan/expression.ts";
import { type Scored } from "./group-state.ts";

/** In place of a division by a deviation of 0: far, and still a number. */
const FAR = 1_000_000_000;
/** What makes the median absolute deviation comparable with a standard deviation. */
const MAD_FACTOR = 0.6745;
const DAY_US = 86_400_000_000;

interface ScoreOptions {
  readonly fromSeq: number;
  /** Only of groups that go beyond the bounds: for when none is pending or firing. */
  readonly onlyBreaches: boolean;
}

/** Ends of the windows that have new results, in order, in microseconds. */
export async function windowEnds(
  tx: Transaction,
  plan: AlertPlan,
  fromSeq: number,
): Promise<readonly number[]> {
  const added = finalSince(tx, plan, fromSeq);
  const rows = await tx.connection.rows<{ end: bigint }>(
    sql`SELECT DISTINCT epoch_us(window_end) AS "end" FROM ${added} AS a ORDER BY ALL`,
  );
  return rows.map(({ end }) => Number(end));
}

/**
 * Results of windows that are over, each as it is now: how many corrections came one after the
 * other depends on how rows were grouped. Early ones, of revision 0, are not judged.
 */
function finalSince(tx: Transaction, plan: AlertPlan, fromSeq: number): Sql {
  const table = tx.table(plan.on);
  const names = sql.join(table.columnNames.map((name) => sql.id(name)));
  const key = sql.join(table.stored.plan.key.map((name) => sql.id(name)));
  return sql`(SELECT ${names} FROM ${table.written({ afterSeq: fromSeq - 1 })} AS w
    WHERE revision > 0
    QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _seq DESC) = 1)`;
}

/** By the end of their windows, then by group. */
export async function scoreResults(
  tx: Transaction,
  plan: AlertPlan,
  { fromSeq, onlyBreaches }: ScoreOptions,
): Promise<readonly Scored[]> {
  const { condition } = plan;
  const added = finalSince(tx, plan, fromSeq);
  const by = plan.by.map((column) => sql`CAST(r.${sql.id(column.name)} AS VARCHAR)`);
  const isGood = plan.where === null ? sql`TRUE` : expressionOf(plan.where, "r");
  const value = condition.kind === "absent" ? sql`NULL` : valueOf(condition.of, "r");
  const score = await scoreOf(tx, plan, added);
  const rows = await tx.connection.values(
    sql`SELECT epoch_us(window_start), epoch_us(window_end), _value, _score, _by FROM (
          SELECT r.window_start, r.window_end, r._seq, [${sql.join([...by, sql`NULL`])}] AS _by,
                 ${value} AS _value,
                 CASE WHEN NOT r._deleted AND coalesce(${isGood}, FALSE)
                      THEN CAST(${score.value} AS DOUBLE) END AS _score
            FROM ${added} AS r ${score.join}) AS s
         ${onlyBreaches && condition.kind !== "absent" ? breaches(condition.bounds) : sql.empty}
         ORDER BY window_end, _by, _seq`,
  );
  return rows.map(([start, end, value_, score_, values]) => ({
    startUs: Number(start),
    endUs: Number(end),
    value: finite(value_),
    score: finite(score_),
    by: (values as (string | null)[]).slice(0, plan.by.length),
  }));
}

function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function breaches({ above, below }: AlertBounds): Sql {
  const parts: Sql[] = [];
  if (above !== null) parts.push(sql`_score > ${sql.literal(above)}`);
  if (below !== null) parts.push(sql`_score < ${sql.literal(below)}`);
  return sql`QUALIFY bool_or(${sql.join(parts, " OR ")}) OVER (PARTITION BY _by)`;
}

function expressionOf(expression: Expression, alias: string): Sql {
  return printExpression(expression, (name) => sql.id(alias, name));
}

function valueOf(expression: Expression, alias: string): Sql {
  return sql`CAST(${expressionOf(expression, alias)} AS DOUBLE)`;
}

interface Score {
  readonly value: Sql;
  readonly join: Sql;
}

async function scoreOf(tx: Transaction, plan: AlertPlan, added: Sql): Promise<Score> {
  const { condition } = plan;
  switch (condition.kind) {
    case "absent":
      return { value: sql`0`, join: sql.empty };
    case "threshold":
      return { value: valueOf(condition.of, "r"), join: sql.empty };
    case "change":
      return await changeScore(tx, plan, condition, added);
    case "zscore":
    case "mad":
      return await deviationScore(tx, plan, condition, added);
  }
}

const BACK_US = { previous: 0, day: DAY_US, week: 7 * DAY_US } as const;

async function changeScore(
  tx: Transaction,
  plan: AlertPlan,
  condition: Extract<AlertCondition, { kind: "change" }>,
  added: Sql,
): Promise<Score> {
  const backUs = BACK_US[condition.against];
  const before = await resultsBefore(tx, plan, added, backUs === 0 ? null : backUs);
  const back = sql`to_microseconds(${sql.literal(backUs)})`;
  const isEarlier =
    condition.against === "previous"
      ? sql`p.window_end = r.window_start`
      : sql`p.window_start = r.window_start - ${back}`;
  const own = valueOf(condition.of, "r");
  const names = ["window_start", "window_end", ...plan.by.map((one) => one.name)].map((name) =>
    sql.id("h", name),
  );
  const join = sql`LEFT JOIN (SELECT ${sql.join(names)}, ${valueOf(condition.of, "h")} AS _v
                               FROM ${before} AS h) AS p
    ON ${isEarlier}${sameGroup(plan, "p", "r")}`;
  return { value: sql`100 * (${own} - p._v) / nullif(abs(p._v), 0)`, join };
}

async function deviationScore(
  tx: Transaction,
  plan: AlertPlan,
  condition: Extract<AlertCondition, { kind: "zscore" | "mad" }>,
  added: Sql,
): Promise<Score> {
  const before = await resultsBefore(tx, plan, added, condition.overUs);
  const over = sql`to_microseconds(${sql.literal(condition.overUs)})`;
  const isZ = condition.kind === "zscore";
  // Sums of floats end otherwise in another order, and rows lie as checkpoints and groups left
  // them.
  const center = isZ ? sql`avg(_v ORDER BY _at)` : sql`median(_v)`;
  const spread = isZ
    ? sql`stddev_samp(_v ORDER BY _at)`
    : sql`mad(_v) / ${sql.literal(MAD_FACTOR)}`;
  const join = sql`LEFT JOIN (
      SELECT _r, count(_v) AS _n, ${center} AS _center, ${spread} AS _spread FROM (
        SELECT n._seq AS _r, h.window_start AS _at, ${valueOf(condition.of, "h")} AS _v
          FROM ${added} AS n JOIN ${before} AS h
            ON h.window_start < n.window_start
           AND h.window_start >= n.window_start - ${over}${sameGroup(plan, "h", "n")}) AS v
       GROUP BY _r) AS b ON b._r = r._seq`;
  const own = valueOf(condition.of, "r");
  const far = sql`CASE WHEN ${own} = b._center THEN 0 ELSE ${sql.literal(FAR)} * sign(${own} - b._center) END`;
  const value = sql`CASE WHEN b._n >= ${sql.literal(condition.minResults)} THEN
      CASE WHEN b._spread > 0 THEN (${own} - b._center) / b._spread ELSE ${far} END END`;
  return { value, join };
}

/** Results of the window that the new ones are compared with; null: those of the window before. */
async function resultsBefore(
  tx: Transaction,
  plan: AlertPlan,
  added: Sql,
  backUs: number | null,
): Promise<Sql> {
  const [span] = await tx.connection.rows<{ first: bigint; last: bigint; size: bigint }>(
    sql`SELECT epoch_us(min(window_start)) AS first, epoch_us(max(window_start)) AS last,
               max(epoch_us(window_end) - epoch_us(window_start)) AS size FROM ${added} AS a`,
  );
  if (span === undefined || span.first === null) return tx.relation(plan.on);
  // The window before one of the calendar may be longer than it: February after January.
  const back = backUs === null ? span.size * 2n : BigInt(backUs);
  return tx.relation(plan.on, { fromUs: span.first - back, toUs: span.last + 1n });
}

function sameGroup(plan: AlertPlan, left: string, right: string): Sql {
  const parts = plan.by.map(
    ({ name }) => sql` AND ${sql.id(left, name)} IS NOT DISTINCT FROM ${sql.id(right, name)}`,
  );
  return sql.join(parts, "");
}
