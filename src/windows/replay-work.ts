/** Which windows wait for rows of a replay to count, and which of them can be computed now. */
import { type EventTimes } from "../decode/batch.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { sql } from "../core/sql.ts";
import { type DatasetPlan, type SessionPlan, type WindowPlan } from "../plan/plan.ts";
import { IS_SET_ASIDE } from "./beside-sessions.ts";
import { earliestStart } from "./bucket.ts";
import { waitingLate } from "./recompute.ts";
import { type Arrived, reachedUs, type Replay, type Waiting } from "./replay.ts";

/** The next windows of a replay to compute: starts, microseconds, half-open. */
export interface ReplayWork {
  readonly dataset: string;
  readonly replay: string;
  readonly window: string;
  readonly fromUs: bigint;
  readonly toUs: bigint;
}

/**
 * What waits once rows have come: windows that are over (`closedUntilUs`, before the rows; null:
 * none is yet, so that nobody knows which will be). `passedUs`: the replay had come so far. Rows of
 * windows that it has passed are late, and have been dealt with.
 */
export function waitingAfter(
  window: WindowPlan,
  before: Waiting | undefined,
  { min, max }: EventTimes,
  closedUntilUs: bigint | null,
  passedUs: bigint | null,
): Waiting | undefined {
  if (closedUntilUs !== null && min >= closedUntilUs) return before;
  const isGrid = window.kind !== "session";
  const openFromUs = passedUs === null || !isGrid ? null : earliestStart(window, passedUs);
  const firstUs = earliestStart(window, min);
  const fromUs = openFromUs === null || openFromUs < firstUs ? firstUs : openFromUs;
  const toUs = closedUntilUs !== null && closedUntilUs <= max ? closedUntilUs : max + 1n;
  if (fromUs >= toUs) return before;
  const dueUs = window.kind === "session" ? min + BigInt(window.gapUs) : fromUs;
  if (before === undefined) return { fromUs, toUs, dueUs, openUs: null };
  return {
    fromUs: fromUs < before.fromUs ? fromUs : before.fromUs,
    toUs: toUs > before.toUs ? toUs : before.toUs,
    dueUs: dueUs < before.dueUs ? dueUs : before.dueUs,
    openUs: before.openUs,
  };
}

/** What can be computed of a window now; null: nothing. */
export function workOf(
  replay: Replay,
  window: WindowPlan,
  closedUntilUs: bigint | null,
): Pick<ReplayWork, "fromUs" | "toUs"> | null {
  const waiting = replay.waiting.get(window.name);
  const boundUs = boundOf(replay, closedUntilUs);
  if (waiting === undefined || boundUs === null) return null;
  const { fromUs, toUs, dueUs } = waiting;
  if (window.kind !== "session") {
    const openUs = earliestStart(window, boundUs);
    const endUs = openUs < toUs ? openUs : toUs;
    return fromUs < endUs ? { fromUs, toUs: endUs } : null;
  }
  return dueUs <= boundUs ? { fromUs, toUs: boundUs } : null;
}

/** All that can be computed now, in the order in which it was asked for. */
export function worksOf(
  replays: readonly Replay[],
  windows: readonly WindowPlan[],
  closedUs: (window: string) => bigint | null,
): readonly ReplayWork[] {
  const works: ReplayWork[] = [];
  for (const replay of replays) {
    for (const window of windows) {
      if (window.from !== replay.dataset) continue;
      const work = workOf(replay, window, closedUs(window.name));
      const { dataset, name } = replay;
      if (work !== null) works.push({ dataset, replay: name, window: window.name, ...work });
    }
  }
  return works;
}

/** Up to where windows are over, live and for the replay. */
export function boundOf(replay: Replay, closedUntilUs: bigint | null): bigint | null {
  const reached = reachedUs(replay);
  if (closedUntilUs === null || reached === undefined) return closedUntilUs;
  return reached === null || reached < closedUntilUs ? reached : closedUntilUs;
}

/** What still waits after a slice of windows of a grid. */
export function waitingAfterSlice({ toUs }: Waiting, doneUs: bigint): Waiting | undefined {
  return doneUs >= toUs ? undefined : { fromUs: doneUs, toUs, dueUs: doneUs, openUs: null };
}

/**
 * What still waits after a slice of sessions up to `doneUs`. `boundUs`: up to where it could go;
 * `openUs`: when the first one can be over that it has found open.
 */
export async function sessionsAfterSlice(
  of: { readonly tx: Transaction; readonly dataset: DatasetPlan; readonly window: SessionPlan },
  before: Waiting,
  { doneUs, boundUs, openUs }: SessionSlice,
): Promise<Waiting | undefined> {
  const late = waitingLate(of.tx, of.dataset, of.window, IS_SET_ASIDE);
  const time = sql`epoch_us(_window_start)`;
  const [left] = await of.tx.connection.rows<Record<"from" | "last" | "next", bigint | null>>(
    sql`SELECT min(${time}) AS "from", max(${time}) AS "last",
               min(${time}) FILTER (${time} >= ${sql.literal(doneUs)}) AS "next" FROM ${late} AS l`,
  );
  if (left === undefined || left.from === null || left.last === null) return undefined;
  const toUs = left.last + 1n;
  const open = earliest(before.openUs, openUs);
  if (doneUs < boundUs) return { fromUs: doneUs, toUs, dueUs: before.dueUs, openUs: open };
  const nextUs = left.next === null ? null : left.next + BigInt(of.window.gapUs);
  const dueUs = earliest(open, nextUs) ?? boundUs + BigInt(of.window.gapUs);
  return { fromUs: left.from, toUs, dueUs, openUs: null };
}

interface SessionSlice {
  readonly doneUs: bigint;
  readonly boundUs: bigint;
  readonly openUs: bigint | null;
}

function earliest(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

/** Once no more rows come: windows that are open live count all of them when they close. */
export function withoutOpen(
  replay: Replay,
  windows: readonly WindowPlan[],
  closedUntilUs: (window: string) => bigint | null,
): Replay {
  if (replay.state !== "ending") return replay;
  const waiting = new Map(replay.waiting);
  for (const window of windows) {
    const closedUs = closedUntilUs(window.name);
    if (window.kind === "session" || closedUs === null) continue;
    if (workOf(replay, window, closedUs) === null) waiting.delete(window.name);
  }
  return { ...replay, waiting, state: waiting.size === 0 ? "done" : "ending" };
}

/** What a replay is once its rows are stored, and windows have taken in what they could. */
export function afterArrival(
  { replay, passedUs, besideUs }: Arrived,
  { eventTimeUs }: AppliedRows,
  windows: readonly WindowPlan[],
  closedUs: { before(window: string): bigint | null; after(window: string): bigint | null },
): Replay {
  const waiting = new Map(replay.waiting);
  for (const window of windows) {
    const closedBefore = closedUs.before(window.name);
    const isJoined = window.kind === "session" && (besideUs ?? null) === null;
    if (besideUs === undefined && closedUs.after(window.name) !== null) {
      // The replay itself closes windows: what has waited for the first one counts.
      if (closedBefore === null) waiting.delete(window.name);
    } else if (!isJoined) {
      const known = waiting.get(window.name);
      const next = waitingAfter(window, known, eventTimeUs, closedBefore, passedUs);
      if (next !== undefined) waiting.set(window.name, next);
    }
  }
  return { ...replay, waiting };
}
