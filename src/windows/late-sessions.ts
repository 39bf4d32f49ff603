/** Rows that came behind the watermark: which sessions they join, reopen, or come too late for. */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { printExpression } from "../plan/print-duckdb.ts";
import { joinSessions, type KnownSession, type SessionRow } from "./join-sessions.ts";
import { BATCH } from "./late.ts";
import { openTable, sameBy, type Sessions } from "./session-sql.ts";

/**
 * What became of them. `temp._session_beyond` (`_seq`, `_ws`, `_we`), `temp._session_steps`
 * (`_seq`, `_step`), `temp._session_swallowed` and `temp._session_passing` (by-columns, `_start`,
 * `_late`) are filled.
 */
export interface LateSessions {
  readonly beyond: readonly number[];
  /** How many rows the batch's sessions do without: those, and what is set aside. */
  readonly keptOut: number;
  /** The event times of the published sessions that were touched; null: none was. */
  readonly swallowed: { readonly fromUs: bigint; readonly toUs: bigint } | null;
  /** Whether sessions were closed and joined within the batch. */
  readonly hasPassing: boolean;
}

interface GroupRow {
  readonly g: bigint;
  readonly seq: bigint;
  readonly time: bigint;
  readonly behind: bigint | null;
}

interface GroupSession {
  readonly g: bigint;
  readonly start: bigint;
  readonly last: bigint;
  readonly late: bigint;
  readonly published: boolean;
}

/** Null where no row of the batch came behind the watermark and takes part. */
export async function joinLateRows(
  of: Sessions,
  rows: AppliedRows,
  longestUs: bigint,
): Promise<LateSessions | null> {
  const { tx, window } = of;
  const range = await findGroups(of, rows);
  if (range === null) return null;
  const met = await rowsOfGroups(of, rows);
  const known = await sessionsOfGroups(of, range, longestUs);
  const { gapUs, allowedLatenessUs, late } = window;
  const rules = { gapUs: BigInt(gapUs), allowedLatenessUs: BigInt(allowedLatenessUs), late };
  const beyond: [number, bigint, bigint][] = [];
  const steps: [bigint, bigint][] = [];
  const swallowed: [bigint, bigint][] = [];
  const passing: [bigint, bigint, bigint][] = [];
  for (const [g, groupRows] of met) {
    const joined = joinSessions(rules, known.get(g) ?? [], groupRows);
    for (const one of joined.beyond) beyond.push([Number(one.seq), one.startUs, one.endUs]);
    for (const one of joined.steps) steps.push([one.seq, one.step]);
    for (const startUs of joined.swallowedUs) swallowed.push([g, startUs]);
    for (const one of joined.passing) passing.push([g, one.startUs, one.late]);
  }
  await fillTables(of, beyond, steps, swallowed);
  await fillPassing(of, passing);
  const hasPassing = passing.length > 0;
  const tooLate = beyond.map(([seq]) => seq);
  if (swallowed.length === 0)
    return { beyond: tooLate, keptOut: tooLate.length, swallowed: null, hasPassing };
  const [span] = await tx.connection.rows<{ from: bigint; to: bigint }>(
    sql`SELECT min(_start) AS "from", max(_last) + 1 AS "to" FROM temp._session_swallowed AS w`,
  );
  return {
    beyond: tooLate,
    keptOut: tooLate.length,
    hasPassing,
    swallowed: { fromUs: span?.from ?? 0n, toUs: span?.to ?? 0n },
  };
}

/** By-columns under their own names, of rows in a table or sub-select. */
function inGroups({ tx, dataset, window }: Sessions, rows: Sql, more: Sql): Sql {
  const columns = tx.table(dataset.name).columnNames.map((name) => sql.id(name));
  const by = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(`by ${one.name}`)}`,
  );
  const where = window.where === null ? sql.empty : sql`WHERE (${printExpression(window.where)})`;
  const named = window.by.map((one) => sql`, ${sql.id(`by ${one.name}`)} AS ${sql.id(one.name)}`);
  return sql`(SELECT _seq, epoch_us(${sql.id(dataset.eventTime)}) AS _time${more}${sql.join(named, "")}
    FROM (SELECT ${sql.join(columns)}${more}${sql.join(by, "")} FROM ${rows} AS r ${where}) AS c)`;
}

/** Fills `temp._late_groups`; gives the event times of the late rows. */
export async function findGroups(
  of: Sessions,
  rows: AppliedRows,
): Promise<{ readonly fromUs: bigint; readonly toUs: bigint } | null> {
  const { tx, window } = of;
  const by = window.by.map((one) => sql`${sql.id(one.name)}, `);
  const at = sql.id(of.dataset.eventTime);
  const isBehind = rows.besideUs === undefined ? sql`epoch_us(${at}) < _wm` : sql`TRUE`;
  const late = sql`(FROM ${BATCH} AS b WHERE ${isBehind})`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _late_group_rows AS FROM ${inGroups(of, late, sql`, _wm`)} AS i`,
  );
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _late_groups AS
        SELECT ${sql.join(by, "")}row_number() OVER () AS _g
          FROM (SELECT DISTINCT ${sql.join(by, "")}0 AS _all FROM temp._late_group_rows AS r) AS d`,
  );
  const [found] = await tx.connection.rows<{ from: bigint | null; to: bigint | null }>(
    sql`SELECT min(_time) AS "from", max(_time) AS "to" FROM temp._late_group_rows AS r`,
  );
  if (found === undefined || found.from === null || found.to === null) return null;
  return { fromUs: found.from, toUs: found.to };
}

/** All rows of the batch that share a group with a late one, in the order in which they came. */
async function rowsOfGroups(
  of: Sessions,
  rows: AppliedRows,
): Promise<ReadonlyMap<bigint, readonly SessionRow[]>> {
  const { tx, dataset, window } = of;
  const table = tx.table(dataset.name);
  const columns = sql.join(table.columnNames.map((name) => sql.id(name)));
  const batch = sql`(SELECT ${columns} FROM ${table.memoryTable(table.generation)}
    WHERE _seq >= ${sql.literal(rows.firstSeq)} AND _seq < ${sql.literal(rows.endSeq)})`;
  const found = await tx.connection.rows<GroupRow>(
    sql`SELECT g._g AS g, r._seq AS seq, r._time AS time, l._wm AS behind
          FROM ${inGroups(of, batch, sql.empty)} AS r
          JOIN temp._late_groups AS g ON TRUE${sameBy(window, "r", "g")}
          LEFT JOIN temp._late_group_rows AS l ON l._seq = r._seq
         ORDER BY r._seq`,
  );
  const groups = new Map<bigint, SessionRow[]>();
  for (const { g, seq, time, behind } of found) {
    const group = groups.get(g) ?? [];
    group.push({ seq, timeUs: time, behindUs: behind });
    groups.set(g, group);
  }
  return groups;
}

/** Open sessions of the groups, and published ones that their late rows may touch. */
export async function sessionsOfGroups(
  { tx, window }: Sessions,
  range: { readonly fromUs: bigint; readonly toUs: bigint },
  longestUs: bigint,
): Promise<ReadonlyMap<bigint, readonly KnownSession[]>> {
  const gap = BigInt(window.gapUs);
  const results = tx.relation(window.name, {
    fromUs: range.fromUs - longestUs,
    toUs: range.toUs + gap,
  });
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _known_results AS
        SELECT g._g, epoch_us(r.window_start) AS _start,
               epoch_us(r.window_end) - ${sql.literal(gap)} AS _last, r.revision - 1 AS _late
          FROM ${results} AS r JOIN temp._late_groups AS g ON TRUE${sameBy(window, "r", "g")}
         WHERE epoch_us(r.window_end) > ${sql.literal(range.fromUs)} AND r.revision > 0`,
  );
  const found = await tx.connection.rows<GroupSession>(
    sql`SELECT g._g AS g, o._start AS start, o._last AS last, CAST(o._late AS BIGINT) AS late,
               FALSE AS published
          FROM ${openTable(window)} AS o
          JOIN temp._late_groups AS g ON TRUE${sameBy(window, "o", "g")}
        UNION ALL
        SELECT _g, _start, _last, _late, TRUE FROM temp._known_results AS k`,
  );
  const groups = new Map<bigint, KnownSession[]>();
  for (const { g, start, last, late, published } of found) {
    const group = groups.get(g) ?? [];
    group.push({ startUs: start, lastUs: last, isPublished: published, late });
    groups.set(g, group);
  }
  return groups;
}

async function fillTables(
  { tx, window }: Sessions,
  beyond: readonly (readonly [number, bigint, bigint])[],
  steps: readonly (readonly [bigint, bigint])[],
  swallowed: readonly (readonly [bigint, bigint])[],
): Promise<void> {
  const { connection } = tx;
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _beyond_us (_seq BIGINT, _ws BIGINT, _we BIGINT)`,
  );
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _session_steps (_seq BIGINT, _step BIGINT)`,
  );
  await connection.run(sql`CREATE OR REPLACE TEMP TABLE _swallowed_us (_g BIGINT, _start BIGINT)`);
  connection.append(["temp", "main", "_beyond_us"], beyond);
  connection.append(["temp", "main", "_session_steps"], steps);
  connection.append(["temp", "main", "_swallowed_us"], swallowed);
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _session_beyond AS
        SELECT _seq, make_timestamp(_ws) AS _ws, make_timestamp(_we) AS _we
          FROM temp._beyond_us AS b`,
  );
  const by = window.by.map((one) => sql`${sql.id("g", one.name)}, `);
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _session_swallowed AS
        SELECT ${sql.join(by, "")}k._start, k._last, k._late
          FROM temp._swallowed_us AS s
          JOIN temp._known_results AS k ON k._g = s._g AND k._start = s._start
          JOIN temp._late_groups AS g ON g._g = s._g`,
  );
}

async function fillPassing(
  { tx, window }: Sessions,
  passing: readonly (readonly [bigint, bigint, bigint])[],
): Promise<void> {
  const { connection } = tx;
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _passing_us (_g BIGINT, _start BIGINT, _late BIGINT)`,
  );
  connection.append(["temp", "main", "_passing_us"], passing);
  const by = window.by.map((one) => sql`${sql.id("g", one.name)}, `);
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _session_passing AS
        SELECT ${sql.join(by, "")}p._start, p._late
          FROM temp._passing_us AS p JOIN temp._late_groups AS g ON g._g = p._g`,
  );
}
