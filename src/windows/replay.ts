/**
 * Replays as the log and the checkpoints know them: history that comes beside live rows, with a
 * watermark that its own rows alone move. A start that reads the log back comes to the same.
 */
import { type AppliedRows } from "../engine/stage.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import {
  advance,
  FAR_PAST_US,
  NO_PROGRESS,
  type Progress,
  progressFromState,
  type ProgressState,
  progressToState,
  settle,
} from "../streams/watermark.ts";
import { NOTHING_RECOMPUTED, type Recomputed } from "./recompute.ts";

/** Starts of windows that were over when rows of theirs came, half-open: they wait for a slice. */
export interface Waiting {
  readonly fromUs: bigint;
  readonly toUs: bigint;
  /** Of sessions: none of them can be over before. */
  readonly dueUs: bigint;
  /** The same for those that slices up to `fromUs` have found open; null: there are none. */
  readonly openUs: bigint | null;
}

export interface Replay {
  readonly dataset: string;
  readonly name: string;
  /** `ending`: no more rows come, but windows wait for their slice. */
  readonly state: "running" | "ending" | "done";
  readonly progress: Progress;
  readonly rows: number;
  /** What its slices have changed. */
  readonly changed: Recomputed;
  /** By window. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly startedUs: bigint;
  /** When its last row or command came. */
  readonly changedUs: bigint;
}

/** For the stage of the windows, through the log. Times are microseconds as text. */
export type ReplayCommand = { readonly dataset: string; readonly replay: string } & (
  | BeginReplay
  | FinishProducer
  | { readonly kind: "replay_end" }
  | SliceOfReplay
);

/** From now on it waits for rows of these producers. */
interface BeginReplay {
  readonly kind: "replay_begin";
  readonly producers: readonly string[];
}

/** No more rows of it come: it holds the others back no longer. */
interface FinishProducer {
  readonly kind: "replay_finish";
  readonly producer: string;
}

/** Windows that start in the range, and are over by the replay's watermark, are computed. */
interface SliceOfReplay {
  readonly kind: "replay_slice";
  readonly window: string;
  readonly fromUs: string;
  readonly toUs: string;
}

/** How rows of a replay meet event time, and what they do to it. */
export interface Arrived {
  readonly before: Progress;
  /** How far the replay was before them. */
  readonly passedUs: bigint | null;
  /** Of the dataset, after the rows. */
  readonly live: Progress;
  /** They are beside live rows: where the dataset's watermark was, which they do not move. */
  readonly besideUs: bigint | null | undefined;
  readonly replay: Replay;
}

/** Replays that are over are remembered up to this number. */
const MAX_DONE = 100;

/** Null where some producer has not sent a row yet. */
export function watermarkOf({ progress: { watermarkUs } }: Replay): bigint | null {
  return watermarkUs === null || watermarkUs <= FAR_PAST_US ? null : watermarkUs;
}

/** Windows that end here or earlier are over for the replay; undefined: all of them. */
export function reachedUs(replay: Replay): bigint | null | undefined {
  return replay.state === "running" ? watermarkOf(replay) : undefined;
}

/** What has changed since the last commit is a draft. */
export class ReplayBook {
  #all = new Map<string, Replay>();
  #draft = new Map<string, Replay>();

  find(dataset: string, name: string): Replay | undefined {
    const key = keyOf({ dataset, name });
    return this.#draft.get(key) ?? this.#all.get(key);
  }

  set(replay: Replay): void {
    this.#draft.set(keyOf(replay), replay);
  }

  /** One that is over begins anew. */
  begun(dataset: string, name: string, nowUs: bigint): Replay {
    const found = this.find(dataset, name);
    if (found !== undefined && found.state !== "done") {
      return { ...found, state: "running", changedUs: nowUs };
    }
    return {
      dataset,
      name,
      state: "running",
      progress: NO_PROGRESS,
      rows: 0,
      changed: NOTHING_RECOMPUTED,
      waiting: new Map(),
      startedUs: nowUs,
      changedUs: nowUs,
    };
  }

  /** Caller promises: the rows are of a replay. */
  arrive(dataset: DatasetPlan, rows: AppliedRows, live: Progress): Arrived {
    const replay = this.begun(dataset.name, rows.replay ?? "", rows.receivedAtUs);
    const seen = {
      producer: rows.producer,
      minUs: rows.eventTimeUs.min,
      maxUs: rows.eventTimeUs.max,
      receivedAtUs: rows.receivedAtUs,
    };
    // What holds for a batch holds for all of its runs.
    const isRun = rows.besideUs !== undefined;
    const isLeading =
      !isRun && this.leads(replay, live) && live.watermarkUs === watermarkOf(replay);
    const before = isLeading
      ? { ...replay.progress, watermarkUs: live.watermarkUs }
      : replay.progress;
    const progress = advance(before, dataset.watermark, seen);
    const next = { ...replay, progress, rows: replay.rows + rows.rows };
    const besideUs = isRun ? rows.besideUs : isLeading ? undefined : live.watermarkUs;
    const passedUs = watermarkOf(replay);
    // Windows that are open may have rows of it up to there.
    const seenLive = { ...live, maxEventTimeUs: later(live.maxEventTimeUs, seen.maxUs) };
    return { before, passedUs, live: this.led(next, seenLive), besideUs, replay: next };
  }

  /** Without live rows, the dataset's event time is that of its oldest replay. */
  leads({ dataset, name, startedUs }: Replay, live: Progress): boolean {
    if (live.producers.size > 0) return false;
    return this.#current().every(
      (one) =>
        one.dataset !== dataset ||
        one.state !== "running" ||
        startedUs < one.startedUs ||
        (startedUs === one.startedUs && name <= one.name),
    );
  }

  /** The dataset's event time when the replay is that far. */
  led(replay: Replay, live: Progress): Progress {
    if (!this.leads(replay, live)) return live;
    const { minEventTimeUs, maxEventTimeUs } = replay.progress;
    // Nothing of it comes out of order any more.
    const reached = replay.state === "running" ? watermarkOf(replay) : maxEventTimeUs;
    if (reached === null) return live;
    return {
      ...live,
      watermarkUs: later(live.watermarkUs, reached),
      minEventTimeUs: earlier(live.minEventTimeUs, minEventTimeUs ?? reached),
      maxEventTimeUs: later(live.maxEventTimeUs, maxEventTimeUs ?? reached),
    };
  }

  /** Producers that it waits for. */
  begin(command: Extract<ReplayCommand, { kind: "replay_begin" }>, nowUs: bigint): void {
    const replay = this.begun(command.dataset, command.replay, nowUs);
    const producers = new Map(replay.progress.producers);
    for (const name of command.producers) {
      const awaited = { maxUs: FAR_PAST_US, lastReceivedUs: nowUs, isIdle: false };
      if (!producers.has(name)) producers.set(name, awaited);
    }
    this.set({ ...replay, progress: { ...replay.progress, producers } });
  }

  /** What a finish or an end makes of it; nothing where it is over, or has never begun. */
  ended(
    command: Extract<ReplayCommand, { kind: "replay_finish" | "replay_end" }>,
    dataset: DatasetPlan,
    nowUs: bigint,
  ): Replay | null {
    const found = this.find(command.dataset, command.replay);
    if (found === undefined || found.state === "done") return null;
    if (command.kind === "replay_end") return { ...found, state: "ending", changedUs: nowUs };
    const progress = settle(found.progress, dataset.watermark, command.producer);
    return { ...found, progress, changedUs: nowUs };
  }

  /** As of the last commit. */
  list(): readonly Replay[] {
    return [...this.#all.values()];
  }

  #current(): readonly Replay[] {
    return [...new Map([...this.#all, ...this.#draft]).values()];
  }

  commit(): void {
    for (const [key, replay] of this.#draft) this.#all.set(key, replay);
    if (this.#draft.size > 0) this.#forget();
    this.rollback();
  }

  #forget(): void {
    const done = [...this.#all].filter(([, { state }]) => state === "done");
    done.sort(([, a], [, b]) => (a.changedUs < b.changedUs ? -1 : 1));
    for (const [key] of done.slice(0, Math.max(0, done.length - MAX_DONE))) this.#all.delete(key);
  }

  rollback(): void {
    this.#draft = new Map();
  }

  toState(): readonly ReplayState[] {
    return this.list().map(replayToState);
  }

  restore(states: readonly ReplayState[]): void {
    this.#all = new Map(
      states.map(replayFromState).map((replay) => [keyOf(replay), replay] as const),
    );
    this.rollback();
  }
}

function keyOf({ dataset, name }: Pick<Replay, "dataset" | "name">): string {
  return `${dataset}\u0000${name}`;
}

function later(a: bigint | null, b: bigint): bigint {
  return a === null || b > a ? b : a;
}

function earlier(a: bigint | null, b: bigint): bigint {
  return a === null || b < a ? b : a;
}

export interface ReplayState extends Pick<
  Replay,
  "dataset" | "name" | "state" | "rows" | "changed"
> {
  readonly progress: ProgressState;
  readonly startedUs: string;
  readonly changedUs: string;
  readonly waiting: Readonly<
    Record<
      string,
      {
        readonly fromUs: string;
        readonly toUs: string;
        readonly dueUs: string;
        readonly openUs: string | null;
      }
    >
  >;
}

function replayToState({ progress, waiting, startedUs, changedUs, ...rest }: Replay): ReplayState {
  const text = ({ fromUs, toUs, dueUs, openUs }: Waiting): ReplayState["waiting"][string] => ({
    fromUs: String(fromUs),
    toUs: String(toUs),
    dueUs: String(dueUs),
    openUs: openUs === null ? null : String(openUs),
  });
  return {
    ...rest,
    progress: progressToState(progress),
    startedUs: String(startedUs),
    changedUs: String(changedUs),
    waiting: Object.fromEntries([...waiting].map(([window, one]) => [window, text(one)])),
  };
}

function replayFromState(state: ReplayState): Replay {
  const { progress, waiting, startedUs, changedUs, ...rest } = state;
  const read = ({ fromUs, toUs, dueUs, openUs }: ReplayState["waiting"][string]): Waiting => ({
    fromUs: BigInt(fromUs),
    toUs: BigInt(toUs),
    dueUs: BigInt(dueUs),
    openUs: openUs === null ? null : BigInt(openUs),
  });
  return {
    ...rest,
    progress: progressFromState(progress),
    startedUs: BigInt(startedUs),
    changedUs: BigInt(changedUs),
    waiting: new Map(Object.entries(waiting).map(([window, one]) => [window, read(one)])),
  };
}

/** The replays after datasets or windows were removed, or are to be computed again. */
export function withoutDroppedReplays(
  replays: readonly ReplayState[],
  dropped: ReadonlySet<string>,
): readonly ReplayState[] {
  return replays
    .filter(({ dataset }) => !dropped.has(dataset))
    .map((one) => {
      const waiting = Object.entries(one.waiting).filter(([window]) => !dropped.has(window));
      return { ...one, waiting: Object.fromEntries(waiting) };
    });
}
