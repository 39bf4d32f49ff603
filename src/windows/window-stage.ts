/** Keeps windows right as batches arrive, late rows included. */
import { type AppliedRows, type Stage } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type GridPlan, type Plan, type WindowPlan } from "../plan/plan.ts";
import { closedBoundary } from "./bucket.ts";
import { afterRows, mayBeLate, needsRuns } from "./arrivals.ts";
import { publishEarly, takeBackEarly } from "./early.ts";
import { earlyDueUs } from "./early-progress.ts";
import { type Backfill, BackfillBook, type BackfillCommand } from "./backfill.ts";
import { followClosed, followCorrections } from "./follow.ts";
import { type Arrived, type Replay, ReplayBook, type ReplayCommand } from "./replay.ts";
import { type WindowStageState } from "./window-stage-state.ts";
import { controlReplay, type Replayed } from "./control-replay.ts";
import { afterArrival, type ReplayWork, worksOf } from "./replay-work.ts";
import { type Commanded, runWindowCommand, type WindowCommand } from "./window-command.ts";
import { beyondSeqs, collectCandidates, type LateTables, sortLate } from "./late.ts";
import { countOpen } from "./open-windows.ts";
import { NOTHING_RECOMPUTED, type Recomputed } from "./recompute.ts";
import { splitIntoRuns } from "./runs.ts";
import { type Sessions } from "./session-sql.ts";
import {
  advanceSessions,
  publishEarlySessions,
  newSessions,
  type SessionRound,
} from "./sessions.ts";
import { keepLateRows, type Publication, publishClosed, publishCorrections } from "./publish.ts";
import {
  NOTHING_CLOSED,
  type WindowProgress,
  windowFromState,
  windowToState,
} from "./window-progress.ts";
import {
  expire,
  nextExpiryUs,
  NO_PROGRESS,
  type Progress,
  progressFromState,
  progressToState,
} from "../streams/watermark.ts";

export interface WindowStage extends Stage {
  /** When a tick would change something, by received time; null when none would. */
  nextTickUs(): bigint | null;
  watermarkUs(dataset: string): bigint | null;
  /** Whether some window has never looked at rows that are stored: a tick makes it catch up. */
  readonly hasNewWindows: boolean;
  /** The last one of each window, as of the last commit. */
  backfills(): readonly Backfill[];
  /** Those that go on, and the last ones that are over; as of the last commit. */
  replays(): readonly Replay[];
  /** Windows that rows of replays wait for, and that can be computed now; as of the last commit. */
  replayWork(): readonly ReplayWork[];
  /** All windows that end then or earlier are closed; null before the first one. */
  closedUntilUs(window: string): bigint | null;
}

/** Rows, and what they meet of event time. */
interface Met {
  readonly rows: AppliedRows;
  readonly before: Progress;
  readonly after: Progress;
  /** Of rows of a replay. */
  readonly arrived: Arrived | null;
}

export function windowStage(plan: Plan): WindowStage {
  return new EventTimeStage(plan);
}

class EventTimeStage implements WindowStage {
  readonly name = "windows";
  readonly #plan: Plan;
  /** What windows read: datasets, and streams, whose event time their stage tells. */
  readonly #sources: readonly DatasetPlan[];
  #progress = new Map<string, Progress>();
  #windows = new Map<string, WindowProgress>();
  #progressDraft = new Map<string, Progress>();
  #windowDraft = new Map<string, WindowProgress>();
  readonly #backfills = new BackfillBook();
  readonly #replays = new ReplayBook();

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#sources = [...plan.datasets, ...plan.streams];
  }

  async apply(tx: Transaction, rows: AppliedRows): Promise<readonly number[]> {
    const dataset = this.#dataset(rows.dataset);
    const windows = this.#windowsOf(dataset.name);
    const { before, after, ...met } = this.#meet(dataset, rows);
    if (rows.rows === 0 || !needsRuns(tx, dataset, windows, met.rows, before, after)) {
      return this.#applyRun(tx, rows, undefined);
    }
    const late: number[] = [];
    for (const run of await splitIntoRuns(tx, dataset, windows, met.rows, before)) {
      late.push(...(await this.#applyRun(tx, run, run.endSeq)));
    }
    return late;
  }

  /** `endSeq`: only rows before it are there yet, where a batch is applied in runs. */
  async #applyRun(
    tx: Transaction,
    given: AppliedRows,
    endSeq: number | undefined,
  ): Promise<readonly number[]> {
    const dataset = this.#dataset(given.dataset);
    const { rows, before, after, arrived } = this.#meet(dataset, given);
    this.#progressDraft.set(dataset.name, after);
    const windows = this.#windowsOf(dataset.name);
    const closedBefore = new Map(windows.map(({ name }) => [name, this.#closedUs(name)]));
    const late = new Set<number>();
    let candidates: number | null = null;
    for (const window of windows) {
      if (window.kind === "session") {
        const mayBe = mayBeLate(tx, dataset, window, rows, before, after);
        if (mayBe) candidates ??= await collectCandidates(tx, dataset, rows, before);
        const round = {
          rows,
          mayBeLate: mayBe && candidates !== 0,
          watermarkUs: after.watermarkUs,
        };
        for (const seq of await this.#advance({ tx, dataset, window }, round)) late.add(seq);
        continue;
      }
      let tables: LateTables | null = null;
      if (mayBeLate(tx, dataset, window, rows, before, after)) {
        candidates ??= await collectCandidates(tx, dataset, rows, before);
        if (candidates > 0) {
          tables = await sortLate(tx, dataset, window, rows);
          if (tables.beyondRows > 0) for (const seq of await beyondSeqs(tx, tables)) late.add(seq);
        }
      }
      await this.#publish({ tx, dataset, window, late: tables, endSeq }, after);
    }
    if (arrived !== null) {
      const closedUs = {
        before: (name: string) => closedBefore.get(name) ?? null,
        after: (name: string) => this.#closedUs(name),
      };
      this.#replays.set(afterArrival(arrived, rows, windows, closedUs));
    }
    return [...late];
  }

  /** What rows meet of event time, and how far their dataset is after them. */
  #meet(dataset: DatasetPlan, rows: AppliedRows): Met {
    const live = this.#progressOf(dataset.name);
    if (rows.replay === undefined) {
      return { rows, before: live, after: afterRows(live, dataset, rows), arrived: null };
    }
    const arrived = this.#replays.arrive(dataset, rows, live);
    const { before, live: after, besideUs } = arrived;
    return { rows: { ...rows, besideUs }, before, after, arrived };
  }

  async tick(tx: Transaction, receivedAtUs: bigint): Promise<void> {
    for (const dataset of this.#sources) {
      const before = this.#progressOf(dataset.name);
      const after = expire(before, dataset.watermark, receivedAtUs);
      this.#progressDraft.set(dataset.name, after);
      for (const window of this.#windowsOf(dataset.name)) {
        // A window that is new to the project is computed from the rows that are already there.
        const isNew = this.#windowProgressOf(window.name).closedUntilUs === null;
        if (after === before && !isNew) {
          // A window that is new to the project may read one that is not.
          if (window.kind !== "session") await this.#follow(tx, window, tx.nextSeq(window.name));
          continue;
        }
        await this.#moveOn(tx, dataset, window, after);
      }
      await this.#publishEarly(tx, dataset, receivedAtUs);
    }
  }

  /** Event time has come to `after` without rows. */
  async #moveOn(
    tx: Transaction,
    dataset: DatasetPlan,
    window: WindowPlan,
    after: Progress,
  ): Promise<void> {
    if (window.kind !== "session") {
      await this.#publish({ tx, dataset, window, late: null, endSeq: undefined }, after);
    } else if (after.watermarkUs !== null) {
      const round = { rows: null, mayBeLate: false, watermarkUs: after.watermarkUs };
      await this.#advance({ tx, dataset, window }, round);
    }
  }

  /** Only at ticks: these are entries of the log, and rows never are. */
  async #publishEarly(tx: Transaction, dataset: DatasetPlan, receivedAtUs: bigint): Promise<void> {
    const { maxEventTimeUs } = this.#progressOf(dataset.name);
    for (const window of this.#windowsOf(dataset.name)) {
      const before = this.#windowProgressOf(window.name);
      const { early, closedUntilUs, hasPanes } = before;
      const dueUs = earlyDueUs(early, window.throttleUs ?? 0);
      if (window.emit !== "update") continue;
      if (dueUs === null || dueUs > receivedAtUs) continue;
      if (closedUntilUs === null || maxEventTimeUs === null) continue;
      let { sessions } = before;
      if (window.kind === "session") {
        if (sessions === null) continue;
        const { openFromUs } = early;
        sessions = await publishEarlySessions({ tx, dataset, window }, sessions, openFromUs);
      } else {
        const sinceSeq = early.emittedSeq;
        await publishEarly({
          tx,
          dataset,
          window,
          closedUntilUs,
          maxEventTimeUs,
          sinceSeq,
          hasPanes,
        });
      }
      const seq = tx.nextSeq(dataset.name);
      const openFromUs = sessions?.openFromUs ?? null;
      const next = { emittedUs: receivedAtUs, emittedSeq: seq, seenSeq: seq, openFromUs };
      this.#windowDraft.set(window.name, { ...before, sessions, early: next });
    }
  }

  async control(tx: Transaction, command: unknown, receivedAtUs: bigint): Promise<Recomputed> {
    const asked = command as WindowCommand | BackfillCommand | ReplayCommand;
    if ("replay" in asked) return await this.#controlReplay(tx, asked, receivedAtUs);
    const { window } = asked;
    if (asked.kind === "recompute") return await this.#recompute(tx, asked);
    if (asked.kind === "backfill_begin") this.#backfills.begin(asked, receivedAtUs);
    if (asked.kind === "backfill_cancel") this.#backfills.cancel(window, receivedAtUs);
    if (asked.kind !== "backfill_slice" || !this.#backfills.awaits(asked)) {
      return NOTHING_RECOMPUTED;
    }
    const { fromUs, nextUs } = asked;
    const slice = { kind: "recompute", window, fromUs, toUs: nextUs, only: "all" } as const;
    const counts = await this.#recompute(tx, slice);
    this.#backfills.advance(window, BigInt(fromUs), counts, receivedAtUs);
    return counts;
  }

  backfills(): readonly Backfill[] {
    return this.#backfills.list();
  }

  async #controlReplay(tx: Transaction, asked: ReplayCommand, nowUs: bigint): Promise<Recomputed> {
    const dataset = this.#sources.find((one) => one.name === asked.dataset);
    if (dataset === undefined) return NOTHING_RECOMPUTED;
    const windows = this.#windowsOf(dataset.name);
    const of: Replayed = {
      tx,
      dataset,
      windows,
      replays: this.#replays,
      progress: this.#progressOf(dataset.name),
      closedUs: (name) => this.#closedUs(name),
      moveOn: async (after) => {
        this.#progressDraft.set(dataset.name, after);
        for (const window of windows) await this.#moveOn(tx, dataset, window, after);
      },
      computeAgain: (name, compute) => this.#computeAgain(tx, name, compute),
    };
    return await controlReplay(of, asked, nowUs);
  }

  replays(): readonly Replay[] {
    return this.#replays.list();
  }

  replayWork(): readonly ReplayWork[] {
    const closedUs = (name: string): bigint | null => this.closedUntilUs(name);
    return worksOf(this.#replays.list(), this.#plan.windows, closedUs);
  }

  async #recompute(tx: Transaction, asked: WindowCommand): Promise<Recomputed> {
    return await this.#computeAgain(tx, asked.window, (of) => runWindowCommand(of, asked));
  }

  async #computeAgain(
    tx: Transaction,
    name: string,
    compute: (of: Commanded) => ReturnType<typeof runWindowCommand>,
  ): Promise<Recomputed> {
    const window = this.#plan.windows.find((one) => one.name === name);
    const dataset = this.#sources.find((one) => one.name === window?.from);
    const before = this.#windowProgressOf(name);
    const { closedUntilUs } = before;
    // The project may have changed since it was sent.
    if (window === undefined || dataset === undefined || closedUntilUs === null) {
      return NOTHING_RECOMPUTED;
    }
    const firstSeq = tx.nextSeq(name);
    const of = { tx, dataset, window, closedUntilUs, sessions: before.sessions };
    const { counts, sessions } = await compute(of);
    this.#windowDraft.set(name, {
      ...before,
      sessions,
      published: before.published + counts.added,
      corrected: before.corrected + counts.corrected + counts.takenBack,
    });
    const isNews = tx.nextSeq(name) > firstSeq;
    if (isNews && window.kind !== "session") await this.#follow(tx, window, firstSeq);
    return counts;
  }

  async #advance(of: Sessions, round: SessionRound): Promise<readonly number[]> {
    const { tx, dataset, window } = of;
    const before = this.#windowProgressOf(window.name);
    const firstSeq = round.rows?.firstSeq ?? tx.nextSeq(dataset.name);
    const sessions = before.sessions ?? newSessions(firstSeq);
    const { progress, published, corrected, beyond } = await advanceSessions(of, sessions, round);
    this.#windowDraft.set(window.name, {
      ...before,
      closedUntilUs: progress.closedUntilUs,
      published: before.published + published,
      corrected: before.corrected + corrected,
      sessions: progress,
      early: { ...before.early, seenSeq: tx.nextSeq(dataset.name) },
    });
    return beyond;
  }

  async #publish(of: Omit<Publication, "hasPanes">, progress: Progress): Promise<void> {
    const { tx, window, late } = of;
    const firstSeq = tx.nextSeq(window.name);
    const before = this.#windowProgressOf(window.name);
    let { published, corrected, closedUntilUs, hasPanes } = before;
    if (late !== null && closedUntilUs !== null) {
      await keepLateRows({ ...of, hasPanes }, closedUntilUs);
      if (late.dirtyGroups > 0) {
        corrected += await publishCorrections({ ...of, late, hasPanes }, closedUntilUs);
      }
    }
    const { watermarkUs, minEventTimeUs } = progress;
    if (watermarkUs !== null) {
      const toUs = closedBoundary(window, watermarkUs);
      // The rows that move event time may all be kept out of a stream.
      const firstUs = minEventTimeUs === null ? toUs : closedBoundary(window, minEventTimeUs);
      const fromUs = closedUntilUs ?? firstUs;
      if (toUs > fromUs) {
        published += await publishClosed({ ...of, hasPanes }, { fromUs, toUs });
        if (window.emit === "update" && of.dataset.key.length > 0) {
          await takeBackEarly(tx, window, { fromUs, toUs });
        }
        hasPanes = true;
      }
      closedUntilUs = closedUntilUs === null || toUs > closedUntilUs ? toUs : closedUntilUs;
    }
    this.#windowDraft.set(window.name, {
      ...before,
      closedUntilUs,
      published,
      corrected,
      hasPanes,
      early: { ...before.early, seenSeq: tx.nextSeq(of.dataset.name) },
    });
    const isNews = closedUntilUs !== before.closedUntilUs || tx.nextSeq(window.name) > firstSeq;
    if (isNews) await this.#follow(tx, window, firstSeq);
  }

  /** Windows over this one: what its results from `firstSeq` on change, and what is over now. */
  async #follow(tx: Transaction, upstream: GridPlan, firstSeq: number): Promise<void> {
    const upstreamClosedUs = this.#windowProgressOf(upstream.name).closedUntilUs;
    if (upstreamClosedUs === null) return;
    for (const window of this.#windowsOf(upstream.name)) {
      if (window.kind !== "tumbling") continue;
      const own = tx.nextSeq(window.name);
      const before = this.#windowProgressOf(window.name);
      const of = { tx, upstream, window };
      const corrected =
        before.closedUntilUs === null
          ? 0
          : await followCorrections(of, firstSeq, before.closedUntilUs);
      const closed = await followClosed(of, before.closedUntilUs, upstreamClosedUs);
      this.#windowDraft.set(window.name, {
        ...before,
        closedUntilUs: closed.closedUntilUs,
        published: before.published + closed.published,
        corrected: before.corrected + corrected,
      });
      await this.#follow(tx, window, own);
    }
  }

  #dataset(name: string): DatasetPlan {
    const dataset = this.#sources.find((one) => one.name === name);
    if (dataset === undefined) throw new Error(`the plan has no dataset ${name}`);
    return dataset;
  }

  #windowsOf(dataset: string): readonly WindowPlan[] {
    return this.#plan.windows.filter((window) => window.from === dataset);
  }

  #progressOf(dataset: string): Progress {
    return this.#progressDraft.get(dataset) ?? this.#progress.get(dataset) ?? NO_PROGRESS;
  }

  #closedUs(window: string): bigint | null {
    return this.#windowProgressOf(window).closedUntilUs;
  }

  #windowProgressOf(window: string): WindowProgress {
    return this.#windowDraft.get(window) ?? this.#windows.get(window) ?? NOTHING_CLOSED;
  }

  commit(): void {
    for (const [name, progress] of this.#progressDraft) this.#progress.set(name, progress);
    for (const [name, progress] of this.#windowDraft) this.#windows.set(name, progress);
    this.#backfills.commit();
    this.#replays.commit();
    this.rollback();
  }

  rollback(): void {
    this.#progressDraft = new Map();
    this.#windowDraft = new Map();
    this.#backfills.rollback();
    this.#replays.rollback();
  }

  nextTickUs(): bigint | null {
    let next: bigint | null = null;
    for (const dataset of this.#plan.datasets) {
      const due = nextExpiryUs(this.#progressOf(dataset.name), dataset.watermark);
      if (due !== null && (next === null || due < next)) next = due;
    }
    for (const window of this.#plan.windows) {
      if (window.emit !== "update") continue;
      const due = earlyDueUs(this.#windowProgressOf(window.name).early, window.throttleUs ?? 0);
      if (due !== null && (next === null || due < next)) next = due;
    }
    return next;
  }

  watermarkUs(dataset: string): bigint | null {
    return this.#progressOf(dataset).watermarkUs;
  }

  closedUntilUs(window: string): bigint | null {
    return this.#windows.get(window)?.closedUntilUs ?? null;
  }

  state(): WindowStageState {
    return {
      datasets: Object.fromEntries(
        [...this.#progress].map(([name, progress]) => [name, progressToState(progress)]),
      ),
      windows: Object.fromEntries(
        [...this.#windows].map(([name, progress]) => [name, windowToState(progress)]),
      ),
      backfills: this.#backfills.toState(),
      replays: this.#replays.toState(),
    };
  }

  restore(state: unknown): void {
    const { datasets, windows, backfills = {}, replays = [] } = state as WindowStageState;
    this.#backfills.restore(backfills);
    this.#replays.restore(replays);
    this.#progress = new Map(
      Object.entries(datasets).map(([name, one]) => [name, progressFromState(one)]),
    );
    this.#windows = new Map(
      Object.entries(windows).map(([name, one]) => [name, windowFromState(one)]),
    );
    this.rollback();
  }

  get hasNewWindows(): boolean {
    const hasClosed = (name: string): boolean => {
      const closedUntilUs = this.#windows.get(name)?.closedUntilUs;
      return closedUntilUs !== undefined && closedUntilUs !== null;
    };
    return this.#plan.windows.some(
      ({ name, from }) => !this.#windows.has(name) && (this.#progress.has(from) || hasClosed(from)),
    );
  }

  status(): Readonly<Record<string, unknown>> {
    const { datasets, windows } = this.state();
    const open = (plan: WindowPlan): number => {
      const { closedUntilUs, sessions } = this.#windowProgressOf(plan.name);
      const { maxEventTimeUs } = this.#progressOf(plan.from);
      return countOpen(plan, closedUntilUs, maxEventTimeUs, sessions?.open ?? 0);
    };
    const told = this.#plan.windows.map((plan) => [
      plan.name,
      { ...windows[plan.name], open: open(plan) },
    ]);
    return { datasets, windows: Object.fromEntries(told) };
  }
}
