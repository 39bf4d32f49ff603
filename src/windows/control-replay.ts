/** What the commands of a replay do: begin, wait for producers, end, and compute what waits. */
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { type Progress } from "../streams/watermark.ts";
import { NOTHING_RECOMPUTED, plus, type Recomputed } from "./recompute.ts";
import { type ReplayBook, type ReplayCommand } from "./replay.ts";
import {
  boundOf,
  sessionsAfterSlice,
  waitingAfterSlice,
  withoutOpen,
  workOf,
} from "./replay-work.ts";
import { type Commanded, runReplaySlice, type runWindowCommand } from "./window-command.ts";

/** The part of the windows' stage that a replay of one dataset needs. */
export interface Replayed {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  /** Over the dataset. */
  readonly windows: readonly WindowPlan[];
  readonly replays: ReplayBook;
  readonly progress: Progress;
  closedUs(window: string): bigint | null;
  /** Event time of the dataset goes on, without rows. */
  moveOn(after: Progress): Promise<void>;
  computeAgain(
    window: string,
    compute: (of: Commanded) => ReturnType<typeof runWindowCommand>,
  ): Promise<Recomputed>;
}

export async function controlReplay(
  of: Replayed,
  asked: ReplayCommand,
  nowUs: bigint,
): Promise<Recomputed> {
  const { dataset, windows, replays, progress } = of;
  if (asked.kind === "replay_slice") return await computeSlice(of, asked);
  if (asked.kind === "replay_begin") {
    replays.begin(asked, nowUs);
    return NOTHING_RECOMPUTED;
  }
  const replay = replays.ended(asked, dataset, nowUs);
  if (replay === null) return NOTHING_RECOMPUTED;
  const after = replays.led(replay, progress);
  if (after.watermarkUs !== progress.watermarkUs) await of.moveOn(after);
  replays.set(withoutOpen(replay, windows, (name) => of.closedUs(name)));
  return NOTHING_RECOMPUTED;
}

/** Nothing happens where it is not the next one: rows may have come since it was asked for. */
async function computeSlice(
  of: Replayed,
  asked: Extract<ReplayCommand, { kind: "replay_slice" }>,
): Promise<Recomputed> {
  const { tx, dataset, windows, replays } = of;
  const window = windows.find(({ name }) => name === asked.window);
  const replay = replays.find(asked.dataset, asked.replay);
  const waiting = replay?.waiting.get(asked.window);
  if (window === undefined || replay === undefined || waiting === undefined) {
    return NOTHING_RECOMPUTED;
  }
  const closedUs = of.closedUs(window.name);
  const work = workOf(replay, window, closedUs);
  const boundUs = boundOf(replay, closedUs);
  const range = { fromUs: BigInt(asked.fromUs), toUs: BigInt(asked.toUs) };
  if (work === null || boundUs === null) return NOTHING_RECOMPUTED;
  if (work.fromUs !== range.fromUs || work.toUs < range.toUs) return NOTHING_RECOMPUTED;
  let openUs: bigint | null = null;
  const counts = await of.computeAgain(window.name, async (one) => {
    const computed = await runReplaySlice(one, range, boundUs);
    ({ openUs } = computed);
    return computed;
  });
  const slice = { doneUs: range.toUs, boundUs, openUs };
  const left =
    window.kind === "session"
      ? await sessionsAfterSlice({ tx, dataset, window }, waiting, slice)
      : waitingAfterSlice(waiting, range.toUs);
  const all = new Map(replay.waiting);
  if (left === undefined) all.delete(window.name);
  else all.set(window.name, left);
  const next = { ...replay, waiting: all, changed: plus(replay.changed, counts) };
  replays.set(withoutOpen(next, windows, (name) => of.closedUs(name)));
  return counts;
}
