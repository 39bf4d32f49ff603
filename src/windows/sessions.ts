/**
 * Session windows. Sessions that are open lie in a table with the states of their measures; a
 * batch's rows become small sessions, and those that are less than a gap apart are joined. The
 * table is not durable: after a restart it comes from the stored rows again. Closed sessions are
 * the published results.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { setAside } from "./beside-sessions.ts";
import { storeLateRows } from "./late.ts";
import { joinLateRows, type LateSessions } from "./late-sessions.ts";
import { earlyResults, publishChanged, takeBackGone } from "./early-results.ts";
import { insertResults } from "./results.ts";
import {
  list,
  mergeSessions,
  names,
  openTable,
  partials,
  sameBy,
  type Sessions,
  smallSessions,
  stateNames,
} from "./session-sql.ts";

/** What a checkpoint keeps of the open sessions: enough to find their rows again. */
export interface SessionProgress {
  /** The table of open sessions is at hand. */
  readonly isReady: boolean;
  /** How many are open; 0 after a restart, until the next row. */
  readonly open: number;
  /** No open session begins before it; null: none is open. */
  readonly openFromUs: bigint | null;
  /** `_id` and late rows of open sessions that have taken in late rows. */
  readonly openLate: readonly (readonly [id: string, late: number])[];
  /** The longest session that was ever published. */
  readonly longestUs: bigint;
  /** Rows before this `_seq` count even if `late_rows` names them: the window is younger. */
  readonly sinceSeq: number;
  /** Everything up to here is closed and published; null: nothing is yet. */
  readonly closedUntilUs: bigint | null;
}

export interface SessionState {
  readonly openFromUs: string | null;
  readonly openLate: readonly (readonly [id: string, late: number])[];
  readonly longestUs: string;
  readonly sinceSeq: number;
  readonly closedUntilUs: string | null;
}

export function sessionsToState(progress: SessionProgress): SessionState {
  const { openFromUs, openLate, longestUs, sinceSeq, closedUntilUs } = progress;
  const text = (us: bigint | null): string | null => (us === null ? null : String(us));
  return {
    openFromUs: text(openFromUs),
    openLate,
    longestUs: String(longestUs),
    sinceSeq,
    closedUntilUs: text(closedUntilUs),
  };
}

export function sessionsFromState(state: SessionState): SessionProgress {
  const big = (us: string | null): bigint | null => (us === null ? null : BigInt(us));
  return {
    isReady: false,
    open: 0,
    openFromUs: big(state.openFromUs),
    openLate: state.openLate,
    longestUs: BigInt(state.longestUs),
    sinceSeq: state.sinceSeq,
    closedUntilUs: big(state.closedUntilUs),
  };
}

export function newSessions(firstSeq: number): SessionProgress {
  return {
    isReady: false,
    open: 0,
    openFromUs: null,
    openLate: [],
    longestUs: 0n,
    sinceSeq: firstSeq,
    closedUntilUs: null,
  };
}

export interface SessionRound {
  /** Null at a tick. */
  readonly rows: AppliedRows | null;
  /** Whether `BATCH` holds rows that came behind the watermark. */
  readonly mayBeLate: boolean;
  readonly watermarkUs: bigint | null;
}

export interface SessionOutcome {
  readonly progress: SessionProgress;
  readonly published: number;
  readonly corrected: number;
  /** `_seq` of rows that came too late. */
  readonly beyond: readonly number[];
}

/** One batch or tick: joins its rows to the open sessions, and publishes what is over. */
export async function advanceSessions(
  of: Sessions,
  before: SessionProgress,
  round: SessionRound,
): Promise<SessionOutcome> {
  const { tx, window } = of;
  const { rows, watermarkUs } = round;
  if (!before.isReady) await restoreSessions(of, before, rows?.firstSeq);
  const join = rows?.besideUs === undefined ? joinLateRows : setAside;
  const late = rows !== null && round.mayBeLate ? await join(of, rows, before.longestUs) : null;
  await joinSessionsOf(of, before, rows, late);
  const { published, longestUs } = await publishOver(of, watermarkUs);
  const corrected = late === null ? 0 : await takeBack(of, late, watermarkUs);
  if (late !== null && late.keptOut > 0) {
    const met = rows?.besideUs === undefined ? undefined : sql`e._wm`;
    await storeLateRows(tx, of.dataset, window, sql`temp._session_beyond`, met);
  }
  const open = await openSessions(of, watermarkUs);
  return {
    progress: {
      isReady: true,
      ...open,
      longestUs: longestUs > before.longestUs ? longestUs : before.longestUs,
      sinceSeq: before.sinceSeq,
      closedUntilUs: watermarkUs,
    },
    published,
    corrected,
    beyond: late?.beyond ?? [],
  };
}

/** Open sessions, and those that are over but were never published, from the stored rows. */
async function restoreSessions(
  of: Sessions,
  progress: SessionProgress,
  beforeSeq: number | undefined,
): Promise<void> {
  const { tx, dataset, window } = of;
  const { openFromUs, closedUntilUs } = progress;
  const nothingOpen = openFromUs === null && closedUntilUs !== null;
  const fromUs = nothingOpen ? closedUntilUs : (openFromUs ?? undefined);
  const rows = tx.relation(dataset.name, {
    fromUs,
    beforeSeq,
    without: tooLate(of, progress),
  });
  const small = smallSessions(of, rows, null);
  const isOpen =
    closedUntilUs === null
      ? sql`TRUE`
      : sql`_last + ${sql.literal(window.gapUs)} > ${sql.literal(closedUntilUs)}`;
  const late = sql.join([
    sql`(NULL::BIGINT, 0::BIGINT)`,
    ...progress.openLate.map(([id, n]) => sql`(${sql.literal(BigInt(id))}, ${sql.literal(n)})`),
  ]);
  await tx.connection.run(
    sql`CREATE OR REPLACE TABLE ${openTable(window)} AS
        SELECT ${names(of, "j")}, _start, _last, coalesce(l._late, 0)::HUGEINT AS _late, j._id
               ${stateNames(of, "j")}
          FROM (SELECT ${names(of)}, _start, _last, _id${stateNames(of)} FROM ${small} AS s
                 WHERE ${isOpen}) AS j
          LEFT JOIN (VALUES ${late}) AS l(_id, _late) ON l._id = j._id`,
  );
}

/** Rows that came too late for a session never count, whatever happens around them later. */
export function tooLate({ tx, dataset, window }: Sessions, progress: SessionProgress): Sql {
  return sql`(SELECT _row AS _seq FROM ${tx.relation(lateRowsOf(dataset.name))} AS l
    WHERE _window = ${sql.literal(window.name)} AND _row >= ${sql.literal(progress.sinceSeq)}
      AND NOT _replayed)`;
}

/**
 * Publishes what open sessions come to so far, where that differs from what is there. `sinceUs`: no
 * session began before it that was open at the last time. Gives where the first one begins now.
 */
export async function publishEarlySessions(
  of: Sessions,
  before: SessionProgress,
  sinceUs: bigint | null,
): Promise<SessionProgress> {
  const { tx, window } = of;
  if (!before.isReady) await restoreSessions(of, before, undefined);
  const by = window.by.map((one) => sql`, ${sql.id(one.name)}`);
  const measures = partials(of).measures.map(
    (one, index) => sql`, ${one} AS ${sql.id(window.measures[index]?.name ?? "")}`,
  );
  const groups = sql`(SELECT make_timestamp(_start) AS _ws,
      make_timestamp(_last + ${sql.literal(window.gapUs)}) AS _we${list(by)}${list(measures)}
    FROM ${openTable(window)} AS o)`;
  const fromUs = sinceUs ?? before.openFromUs ?? undefined;
  await publishChanged(tx, window, groups, earlyResults(tx, window, { fromUs }));
  await takeBackGone(tx, window, earlyResults(tx, window, { fromUs }), groups);
  return { ...before, isReady: true };
}

/** Puts all sessions, joined, into `temp._sessions`. */
async function joinSessionsOf(
  of: Sessions,
  progress: SessionProgress,
  rows: AppliedRows | null,
  late: LateSessions | null,
): Promise<void> {
  const { tx, dataset, window } = of;
  const columns = sql`${names(of)}, _start, _last, _late, _id${stateNames(of)}`;
  const open = sql`SELECT ${columns} FROM ${openTable(window)} AS o`;
  if (rows === null) {
    await tx.connection.run(sql`CREATE OR REPLACE TEMP TABLE _sessions AS ${open}`);
    return;
  }
  const table = tx.table(dataset.name);
  const all = sql.join(table.columnNames.map((name) => sql.id(name)));
  const without =
    late === null || late.keptOut === 0
      ? sql.empty
      : sql`AND _seq NOT IN (SELECT _seq FROM temp._session_beyond)`;
  const batch = sql`(SELECT ${all} FROM ${table.memoryTable(table.generation)}
    WHERE _seq >= ${sql.literal(rows.firstSeq)} AND _seq < ${sql.literal(rows.endSeq)} ${without})`;
  const steps = late === null ? null : sql`temp._session_steps`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _small AS
        SELECT ${columns} FROM ${smallSessions(of, batch, steps)} AS s`,
  );
  const reopened =
    late === null ? sql.empty : sql`UNION ALL ${await reopen(of, progress, late, rows)}`;
  const touched = sql`EXISTS (SELECT 1 FROM temp._small AS s WHERE TRUE${sameBy(window, "s", "o")})`;
  const joined = sql`SELECT ${columns} FROM temp._small AS s
    UNION ALL ${open} WHERE ${touched} ${reopened}`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _sessions AS
        SELECT ${columns} FROM ${mergeSessions(of, sql`(${joined})`)} AS m
        UNION ALL ${open} WHERE NOT ${touched}`,
  );
}

/** Published sessions that late rows have touched, from their stored rows. */
async function reopen(
  of: Sessions,
  progress: SessionProgress,
  late: LateSessions,
  rows: AppliedRows,
): Promise<Sql> {
  const { tx, dataset, window } = of;
  const columns = sql`${names(of)}, _start, _last, _late, _id${stateNames(of)}`;
  const { swallowed } = late;
  if (swallowed === null) return sql`SELECT ${columns} FROM temp._small AS s WHERE FALSE`;
  const stored = tx.relation(dataset.name, {
    fromUs: swallowed.fromUs,
    toUs: swallowed.toUs,
    beforeSeq: rows.firstSeq,
    without: tooLate(of, progress),
  });
  const small = smallSessions(of, stored, null);
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _reopened AS
        SELECT ${names(of, "s")}, s._start, s._last, w._late, s._id${stateNames(of, "s")}
          FROM ${small} AS s JOIN temp._session_swallowed AS w
            ON s._start = w._start${sameBy(window, "s", "w")}`,
  );
  return sql`SELECT ${columns} FROM temp._reopened AS r`;
}

/** Publishes the sessions that the watermark has passed. */
async function publishOver(
  of: Sessions,
  watermarkUs: bigint | null,
): Promise<{ published: number; longestUs: bigint }> {
  const { tx, window } = of;
  if (watermarkUs === null) return { published: 0, longestUs: 0n };
  const gap = sql.literal(window.gapUs);
  const isOver = sql`_last + ${gap} <= ${sql.literal(watermarkUs)}`;
  const [found] = await tx.connection.rows<Record<"fresh" | "again" | "longest", bigint | null>>(
    sql`SELECT count(*) FILTER (_late = 0) AS fresh, count(*) FILTER (_late > 0) AS again,
               max(_last - _start) AS longest FROM temp._sessions AS s WHERE ${isOver}`,
  );
  let published = 0;
  // An early result may be there.
  const isNew = window.emit === "update" ? "always" : "never";
  for (const [count, which, repeats] of [
    [found?.fresh, sql`_late = 0`, isNew],
    // One that late rows have changed may have been published under this start before.
    [found?.again, sql`_late > 0`, "always"],
  ] as const) {
    if (count === 0n) continue;
    const by = window.by.map((one) => sql.id("g", one.name));
    published += await insertResults(tx, window, repeats, {
      values: [
        sql`make_timestamp(g._start)`,
        sql`make_timestamp(g._last + ${gap})`,
        ...by,
        ...partials(of).measures,
        sql`CAST(1 + g._late AS BIGINT)`,
        sql`FALSE`,
      ],
      from: sql`(SELECT ${names(of)}, _start, _last, _late, _id${stateNames(of)} FROM temp._sessions
        AS s WHERE ${isOver} AND ${which}) AS g`,
      order: [sql`g._start`, ...by],
    });
  }
  return { published, longestUs: (found?.longest ?? 0n) + BigInt(window.gapUs) };
}

/** Results that are part of another session now, or of one that is open again. */
async function takeBack(
  { tx, window }: Sessions,
  late: LateSessions,
  watermarkUs: bigint | null,
): Promise<number> {
  if (late.swallowed === null && !late.hasPassing) return 0;
  const by = window.by.map((one) => sql.id("w", one.name));
  const names = sql.join([...window.by.map((one) => sql.id(one.name)), sql`_start`]);
  const gone = sql`(SELECT ${names}, max(_late) AS _late
    FROM (SELECT ${names}, _late FROM temp._session_swallowed AS a
          UNION ALL SELECT ${names}, _late FROM temp._session_passing AS b) AS u
   GROUP BY ${names})`;
  const gap = sql.literal(window.gapUs);
  const closed = sql`s._last + ${gap} <= ${sql.literal(watermarkUs)}`;
  return insertResults(tx, window, "always", {
    values: [
      sql`make_timestamp(w._start)`,
      sql`make_timestamp(w._start)`,
      ...by,
      ...window.measures.map(() => sql`NULL`),
      sql`CAST(2 + w._late AS BIGINT)`,
      sql`TRUE`,
    ],
    // Where the session that took it in has its start and is over, that one replaces it.
    from: sql`${gone} AS w WHERE NOT EXISTS (SELECT 1 FROM temp._sessions AS s
      WHERE s._start = w._start AND ${closed}${sameBy(window, "s", "w")})`,
    order: [sql`w._start`, ...by],
  });
}

/** Keeps what is open for the next batch. */
async function openSessions(
  of: Sessions,
  watermarkUs: bigint | null,
): Promise<Pick<SessionProgress, "open" | "openFromUs" | "openLate">> {
  const { tx, window } = of;
  const isOpen =
    watermarkUs === null
      ? sql`TRUE`
      : sql`_last + ${sql.literal(window.gapUs)} > ${sql.literal(watermarkUs)}`;
  const columns = sql`${names(of)}, _start, _last, _late, _id${stateNames(of)}`;
  const table = openTable(window);
  // Replaced, not deleted from: DuckDB does not give back what deleted rows held.
  await tx.connection.run(
    sql`CREATE OR REPLACE TABLE ${table} AS SELECT ${columns} FROM temp._sessions AS s WHERE ${isOpen}`,
  );
  const [found] = await tx.connection.rows<{ open: bigint; from: bigint | null }>(
    sql`SELECT count(*) AS open, min(_start) AS "from" FROM ${table} AS o`,
  );
  const late = await tx.connection.rows<{ id: bigint; late: bigint }>(
    sql`SELECT _id AS id, CAST(_late AS BIGINT) AS late FROM ${table} AS o WHERE _late > 0 ORDER BY id`,
  );
  return {
    open: Number(found?.open ?? 0n),
    openFromUs: found?.from ?? null,
    openLate: late.map((one) => [String(one.id), Number(one.late)] as const),
  };
}
