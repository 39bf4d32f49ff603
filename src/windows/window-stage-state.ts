/** What a checkpoint keeps of the windows' stage. */
import { type ProgressState } from "../streams/watermark.ts";
import { type BackfillState } from "./backfill.ts";
import { type ReplayState, withoutDroppedReplays } from "./replay.ts";
import { type WindowState } from "./window-progress.ts";

export interface WindowStageState {
  readonly datasets: Readonly<Record<string, ProgressState>>;
  readonly windows: Readonly<Record<string, WindowState>>;
  /** Checkpoints of earlier versions lack it. */
  readonly backfills?: Readonly<Record<string, BackfillState>>;
  /** So do these. */
  readonly replays?: readonly ReplayState[];
}

/** The stage's state after datasets and windows were removed, or are to be computed again. */
export function withoutDropped(state: unknown, dropped: ReadonlySet<string>): WindowStageState {
  const { datasets, windows, backfills = {}, replays = [] } = state as WindowStageState;
  const kept = <T>(all: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !dropped.has(name)));
  return {
    datasets: kept(datasets),
    windows: kept(windows),
    backfills: kept(backfills),
    replays: withoutDroppedReplays(replays, dropped),
  };
}
