/**
 * Rows of a replay that lie where the live watermark has been. They are set aside among the late
 * rows, and a slice joins them to sessions once the replay's own watermark has passed those; what
 * is too late by that watermark stays there for good.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type KnownSession } from "./join-sessions.ts";
import { findGroups, type LateSessions, sessionsOfGroups } from "./late-sessions.ts";
import { waitingLate } from "./recompute.ts";
import { sameBy, type Sessions, smallSessions } from "./session-sql.ts";

/**
 * SQL: a row waits for its session, which the replay has not passed. All others came behind the
 * watermark that is filed with them.
 */
export const IS_SET_ASIDE = sql`_watermark <= _window_start`;

interface AsideRow {
  readonly g: bigint;
  readonly seq: bigint;
  readonly time: bigint;
  /** The watermark that it met. */
  readonly met: bigint | null;
}

interface Aside {
  readonly seq: bigint;
  readonly timeUs: bigint;
  readonly startUs: bigint;
  readonly endUs: bigint;
  readonly metUs: bigint | null;
  readonly isTooLate: boolean;
}

/**
 * Fills `temp._session_beyond` (`_seq`, `_ws`, `_we`, `_wm`) with all of `BATCH` that take part.
 * Null where none does.
 */
export async function setAside(
  of: Sessions,
  rows: AppliedRows,
  longestUs: bigint,
): Promise<LateSessions | null> {
  const { tx, window } = of;
  const range = await findGroups(of, rows);
  if (range === null) return null;
  const { connection } = tx;
  const latenessUs = window.late === "side" ? 0 : window.allowedLatenessUs;
  const endUs = sql`_time + ${sql.literal(window.gapUs)}`;
  const [found] = await connection.rows<Record<"all" | "behind", bigint>>(
    sql`SELECT count(*) AS "all",
               count(*) FILTER (${endUs} + ${sql.literal(latenessUs)} <= _wm) AS behind
          FROM temp._late_group_rows AS r`,
  );
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _session_steps (_seq BIGINT, _step BIGINT)`,
  );
  const known = found?.behind === 0n ? null : await knownSessions(of, range, longestUs);
  const judged = known === null ? [] : judge(of, await asideRows(of), known);
  await fillAside(of, known === null ? null : judged);
  const beyond = judged.filter((one) => one.isTooLate).map((one) => Number(one.seq));
  return { beyond, keptOut: Number(found?.all ?? 0n), swallowed: null, hasPassing: false };
}

/** Also of rows that were set aside before. */
async function knownSessions(
  of: Sessions,
  range: { readonly fromUs: bigint; readonly toUs: bigint },
  longestUs: bigint,
): Promise<ReadonlyMap<bigint, readonly KnownSession[]>> {
  const { tx, dataset, window } = of;
  const known = new Map(await sessionsOfGroups(of, range, longestUs));
  const time = sql`epoch_us(${sql.id(dataset.eventTime)})`;
  const nearUs = range.fromUs - BigInt(window.gapUs);
  const where = sql`${IS_SET_ASIDE} AND ${time} > ${sql.literal(nearUs)}`;
  const columns = sql.join(dataset.columns.map((column) => sql.id(column.name)));
  const waiting = sql`(SELECT ${columns}, _row AS _seq
    FROM ${waitingLate(tx, dataset, window, where)} AS a)`;
  const found = await tx.connection.rows<Record<"g" | "start" | "last", bigint>>(
    sql`SELECT g._g AS g, s._start AS start, s._last AS last
          FROM ${smallSessions(of, waiting, null)} AS s
          JOIN temp._late_groups AS g ON TRUE${sameBy(window, "s", "g")}`,
  );
  for (const { g, start, last } of found) {
    const session = { startUs: start, lastUs: last, isPublished: false, late: 0n };
    known.set(g, [...(known.get(g) ?? []), session]);
  }
  return known;
}

function asideRows({ tx, window }: Sessions): Promise<readonly AsideRow[]> {
  return tx.connection.rows<AsideRow>(
    sql`SELECT g._g AS g, r._seq AS seq, r._time AS time, r._wm AS met
          FROM temp._late_group_rows AS r
          JOIN temp._late_groups AS g ON TRUE${sameBy(window, "r", "g")}
         ORDER BY r._seq`,
  );
}

/** Row by row, in the order in which they came. A session that can still change takes any row. */
function judge(
  { window }: Sessions,
  rows: readonly AsideRow[],
  known: ReadonlyMap<bigint, readonly KnownSession[]>,
): readonly Aside[] {
  const gapUs = BigInt(window.gapUs);
  const latenessUs = window.late === "side" ? 0n : BigInt(window.allowedLatenessUs);
  const groups = new Map<bigint, Span[]>();
  return rows.map(({ g, seq, time, met }) => {
    const spans = groups.get(g) ?? [...(known.get(g) ?? [])];
    groups.set(g, spans);
    const { startUs, lastUs } = spanAround({ startUs: time, lastUs: time }, spans, gapUs);
    const endUs = lastUs + gapUs;
    const isTooLate = met !== null && endUs + latenessUs <= met;
    if (!isTooLate) spans.push({ startUs: time, lastUs: time });
    return { seq, timeUs: time, startUs, endUs, metUs: met, isTooLate };
  });
}

interface Span {
  readonly startUs: bigint;
  readonly lastUs: bigint;
}

/** All that hangs together with a row, by gaps that are short enough. */
function spanAround(row: Span, spans: readonly Span[], gapUs: bigint): Span {
  let { startUs, lastUs } = row;
  for (let more = true; more;) {
    more = false;
    for (const one of spans) {
      const isApart = startUs >= one.lastUs + gapUs || one.startUs >= lastUs + gapUs;
      if (isApart || (one.startUs >= startUs && one.lastUs <= lastUs)) continue;
      if (one.startUs < startUs) startUs = one.startUs;
      if (one.lastUs > lastUs) lastUs = one.lastUs;
      more = true;
    }
  }
  return { startUs, lastUs };
}

/** Null: none is too late, and each is filed under what it would make alone. */
async function fillAside({ tx, window }: Sessions, judged: readonly Aside[] | null): Promise<void> {
  const { connection } = tx;
  const columns = (from: Sql): Sql => sql`SELECT _seq, make_timestamp(_start) AS _ws,
      make_timestamp(_end) AS _we, _wm FROM ${from}`;
  if (judged === null) {
    const alone = sql`(SELECT _seq, _time AS _start, _time + ${sql.literal(window.gapUs)} AS _end,
        least(_wm, _time) AS _wm FROM temp._late_group_rows AS r) AS a`;
    await connection.run(sql`CREATE OR REPLACE TEMP TABLE _session_beyond AS ${columns(alone)}`);
    return;
  }
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _aside_us (_seq BIGINT, _start BIGINT, _end BIGINT, _wm BIGINT)`,
  );
  // What is accepted behind the watermark waits for the next slice like the rest.
  const rows = judged.map(({ seq, timeUs, startUs, endUs, metUs, isTooLate }) => {
    if (isTooLate) return [seq, startUs, endUs, metUs];
    const waitsUs = metUs === null || metUs > timeUs ? timeUs : metUs;
    return [seq, timeUs, timeUs + BigInt(window.gapUs), waitsUs];
  });
  connection.append(["temp", "main", "_aside_us"], rows);
  await connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _session_beyond AS ${columns(sql`temp._aside_us AS a`)}`,
  );
}
