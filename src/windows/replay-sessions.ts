/**
 * Late rows of sessions that count after all: the sessions that they make or join are computed from
 * their rows again. Rows whose session is still open stay late until it is over.
 */
import { sql, type Sql } from "../core/sql.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { printExpression } from "../plan/print-duckdb.ts";
import { type Range } from "./publish.ts";
import {
  markReplayed,
  NOTHING_RECOMPUTED,
  type Recomputed,
  startsIn,
  waitingLate,
} from "./recompute.ts";
import { insertResults } from "./results.ts";
import {
  list,
  names,
  partials,
  sameBy,
  type Sessions,
  smallSessions,
  stateNames,
} from "./session-sql.ts";
import { type SessionProgress, tooLate } from "./sessions.ts";

export interface ReplayedSessions extends Recomputed {
  /** The longest session that there is now. */
  readonly longestUs: bigint;
  /** When the first session can be over that is open with such rows; null: none is. */
  readonly openUs: bigint | null;
}

/**
 * `starts`: of the sessions that the rows would have made when they came; `which` is a condition on
 * late rows. What ends after `progress.closedUntilUs` waits.
 */
export async function replaySessions(
  of: Sessions,
  progress: SessionProgress,
  starts: Range,
  which = sql`TRUE`,
): Promise<ReplayedSessions> {
  const { tx, dataset, window } = of;
  const { closedUntilUs, longestUs } = progress;
  const late = waitingLate(tx, dataset, window, sql`${startsIn(starts)} AND ${which}`);
  const chosen = await chooseRows(of, late);
  if (chosen === null || closedUntilUs === null)
    return { ...NOTHING_RECOMPUTED, longestUs, openUs: null };
  const openUs = await joinChosen(of, progress, chosen);
  const published = await publishJoined(of, chosen, longestUs);
  const taken = sql`(SELECT ${lateColumns(of)} FROM ${late} AS a
    WHERE _row IN (SELECT _seq FROM temp._replay_rows AS c
                     JOIN temp._replay_sessions AS s ON ${within(of)}))`;
  const replayed = await markReplayed(tx, dataset, taken);
  const [longest] = await tx.connection.rows<{ us: bigint | null }>(
    sql`SELECT max(_last - _start) AS us FROM temp._replay_sessions AS s`,
  );
  const newUs = (longest?.us ?? 0n) + BigInt(window.gapUs);
  return { ...published, replayed, longestUs: newUs > longestUs ? newUs : longestUs, openUs };
}

function lateColumns({ tx, dataset }: Sessions): Sql {
  const { columnNames } = tx.table(lateRowsOf(dataset.name));
  return sql.join(columnNames.map((name) => sql.id(name)));
}

/** A late row `c` lies in session `s` of its group. */
function within({ window }: Sessions): Sql {
  return sql`c._time BETWEEN s._start AND s._last${sameBy(window, "c", "s")}`;
}

/** Fills `temp._replay_rows`: `_seq`, `_time`, by-columns. Gives their event times. */
async function chooseRows(of: Sessions, late: Sql): Promise<Range | null> {
  const { tx, dataset, window } = of;
  const columns = sql.join(dataset.columns.map((column) => sql.id(column.name)));
  const by = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(one.name)}`,
  );
  const time = sql`epoch_us(${sql.id(dataset.eventTime)})`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _replay_rows AS
        SELECT _row AS _seq, ${time} AS _time${list(by)}
          FROM (SELECT ${columns}, _row FROM ${late} AS l) AS r`,
  );
  const [found] = await tx.connection.rows<{ from: bigint | null; to: bigint | null }>(
    sql`SELECT min(_time) AS "from", max(_time) AS "to" FROM temp._replay_rows AS r`,
  );
  if (found === undefined || found.from === null || found.to === null) return null;
  return { fromUs: found.from, toUs: found.to };
}

/**
 * Fills `temp._replay_sessions` with the sessions that are over and have one of the rows. Gives
 * when the first of the others can be over.
 */
async function joinChosen(
  of: Sessions,
  progress: SessionProgress,
  chosen: Range,
): Promise<bigint | null> {
  const { tx, dataset, window } = of;
  const { closedUntilUs, openFromUs } = progress;
  const gap = BigInt(window.gapUs);
  const reach = progress.longestUs + gap;
  const toUs = chosen.toUs + reach + 1n;
  const stillLate = sql`(SELECT _seq FROM ${tooLate(of, progress)} AS t
    WHERE _seq NOT IN (SELECT _seq FROM temp._replay_rows AS c))`;
  const rows = tx.relation(dataset.name, {
    fromUs: chosen.fromUs - reach,
    // What is open may go on beyond the longest session that ever was published.
    toUs: openFromUs !== null && openFromUs < toUs ? undefined : toUs,
    without: stillLate,
  });
  const small = smallSessions(of, rows, null);
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _replay_joined AS
        SELECT ${names(of, "s")}, s._start, s._last${stateNames(of, "s")}
          FROM ${small} AS s
         WHERE EXISTS (SELECT 1 FROM temp._replay_rows AS c WHERE ${within(of)})`,
  );
  const isOver = sql`s._last + ${sql.literal(gap)} <= ${sql.literal(closedUntilUs)}`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _replay_sessions AS
        FROM temp._replay_joined AS s WHERE ${isOver}`,
  );
  const [open] = await tx.connection.rows<{ last: bigint | null }>(
    sql`SELECT min(s._last) AS last FROM temp._replay_joined AS s WHERE NOT (${isOver})`,
  );
  return open === undefined || open.last === null ? null : open.last + gap;
}

async function publishJoined(
  of: Sessions,
  chosen: Range,
  longestUs: bigint,
): Promise<Omit<Recomputed, "replayed">> {
  const { tx, window } = of;
  const gap = sql.literal(window.gapUs);
  const by = window.by.map((one) => sql.id(one.name));
  const reach = longestUs + BigInt(window.gapUs);
  const older = tx.relation(window.name, {
    fromUs: chosen.fromUs - reach,
    toUs: chosen.toUs + reach + 1n,
    withDeleted: true,
  });
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _replay_parts AS
        SELECT ${list(window.by.map((one) => sql`${sql.id("s", one.name)}, `))}
               s._start AS _whole, epoch_us(r.window_start) AS _start, r.revision AS _revision,
               r._deleted AS _gone
          FROM ${older} AS r JOIN temp._replay_sessions AS s
            ON epoch_us(r.window_start) BETWEEN s._start AND s._last${sameBy(window, "r", "s")}
           AND r.revision > 0`,
  );
  const part = sql`FROM temp._replay_parts AS p WHERE p._whole = s._start${sameBy(window, "p", "s")}`;
  const [counts] = await tx.connection.rows<Record<"added" | "corrected" | "gone", bigint>>(
    sql`SELECT
      (SELECT count(*) FROM temp._replay_sessions AS s
        WHERE NOT EXISTS (SELECT 1 ${part} AND p._start = s._start AND NOT p._gone)) AS added,
      (SELECT count(*) FROM temp._replay_parts AS p
        WHERE NOT _gone AND _start = _whole) AS corrected,
      (SELECT count(*) FROM temp._replay_parts AS p WHERE NOT _gone AND _start <> _whole) AS gone`,
  );
  await insertResults(tx, window, "always", {
    values: [
      sql`make_timestamp(s._start)`,
      sql`make_timestamp(s._last + ${gap})`,
      ...window.by.map((one) => sql.id("s", one.name)),
      ...partials(of).measures,
      sql`CAST(1 + coalesce((SELECT max(_revision) ${part}), 1) AS BIGINT)`,
      sql`FALSE`,
    ],
    from: sql`temp._replay_sessions AS s`,
    order: [sql`s._start`, ...window.by.map((one) => sql.id("s", one.name))],
  });
  await insertResults(tx, window, "always", {
    values: [
      sql`make_timestamp(p._start)`,
      sql`make_timestamp(p._start)`,
      ...by,
      ...window.measures.map(() => sql`NULL`),
      sql`_revision + 1`,
      sql`TRUE`,
    ],
    from: sql`(FROM temp._replay_parts WHERE NOT _gone AND _start <> _whole) AS p`,
    order: [sql`p._start`, ...by],
  });
  return {
    added: Number(counts?.added ?? 0n),
    corrected: Number(counts?.corrected ?? 0n),
    takenBack: Number(counts?.gone ?? 0n),
  };
}
