/** Computes what replays have passed in the background, oldest windows first, slice by slice. */
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Engine } from "../engine/engine.ts";
import { rowsASlice } from "./backfill-slices.ts";
import { type Recomputed } from "./recompute.ts";
import { FAR_PAST_US } from "../streams/watermark.ts";
import { type Replay, type ReplayCommand, watermarkOf } from "./replay.ts";
import { sliceEnd } from "./replay-slices.ts";
import { type ReplayWork } from "./replay-work.ts";
import { openStoredRows, type StoredRows } from "./stored-rows.ts";
import { type WindowStage } from "./window-stage.ts";

export interface ReplayStatus {
  readonly dataset: string;
  readonly name: string;
  readonly state: Replay["state"];
  readonly rows: number;
  /** Null until every producer has sent a row. */
  readonly watermarkUs: bigint | null;
  readonly producers: readonly {
    readonly name: string;
    /** Null before its first row. */
    readonly newestUs: bigint | null;
    readonly isDone: boolean;
  }[];
  /** Where the first window that is not computed starts, and the last; null: none waits. */
  readonly waiting: { readonly fromUs: bigint; readonly toUs: bigint } | null;
  /** What its slices have changed. */
  readonly changed: Recomputed;
  readonly startedUs: bigint;
  readonly changedUs: bigint;
  /** Why the last slice failed. */
  readonly problem: string | null;
}

export interface Replays extends AsyncDisposable {
  /** Those that go on, and the last ones that are over. */
  list(): readonly ReplayStatus[];
  /** Throws KRB_WINDOWS_REPLAYS where another one would be too many. */
  checkRoom(dataset: string, name: string): void;
  /** Its watermark waits for rows of these producers; rows begin a replay by themselves. */
  begin(dataset: string, name: string, producers: readonly string[]): Promise<ReplayStatus>;
  /** No more rows of a producer come. Throws KRB_WINDOWS_UNKNOWN. */
  finish(dataset: string, name: string, producer: string): Promise<ReplayStatus>;
  /**
   * No more rows come. Resolves when that is in the log; the rest is computed even if nobody
   * watches. Throws KRB_WINDOWS_UNKNOWN.
   */
  end(dataset: string, name: string): Promise<ReplayStatus>;
  /** A status now and after each slice, until there is nothing to compute; throws what failed. */
  follow(dataset: string, name: string, signal: AbortSignal): AsyncIterable<ReplayStatus>;
  /** Resolves when everything is computed that can be. */
  idle(): Promise<void>;
}

export interface ReplaysDeps {
  readonly engine: Pick<Engine, "command" | "plan" | "relations" | "onCommit">;
  readonly windows: Pick<WindowStage, "replays" | "replayWork">;
  readonly connection: Connection;
  readonly rowsASlice?: number | undefined;
}

/** Replays that go on at a time: each is part of every checkpoint. */
const MAX_RUNNING = 1000;

/** Goes on with what is not done yet. Owns the connection. */
export function openReplays(deps: ReplaysDeps): Replays {
  return new Runner(deps);
}

class Runner implements Replays {
  readonly #deps: ReplaysDeps;
  readonly #stored: StoredRows;
  readonly #asking = new Serial();
  readonly #stopListening: () => void;
  /** Woken after each slice. */
  readonly #watchers = new Set<() => void>();
  #work: Promise<void> | null = null;
  #failure: Error | null = null;
  #isClosing = false;

  constructor(deps: ReplaysDeps) {
    this.#deps = deps;
    this.#stored = openStoredRows(deps.engine, deps.connection);
    this.#stopListening = deps.engine.onCommit(() => this.#kick());
    this.#kick();
  }

  list(): readonly ReplayStatus[] {
    return this.#deps.windows.replays().map((one) => this.#status(one));
  }

  checkRoom(dataset: string, name: string): void {
    const running = this.#deps.windows.replays().filter(({ state }) => state !== "done");
    if (running.length < MAX_RUNNING) return;
    if (running.some((one) => one.dataset === dataset && one.name === name)) return;
    throw new KurobeError("KRB_WINDOWS_REPLAYS", `${running.length} replays go on already`);
  }

  async begin(dataset: string, name: string, producers: readonly string[]): Promise<ReplayStatus> {
    this.checkRoom(dataset, name);
    return await this.#asking.run(async () => {
      await this.#command({ kind: "replay_begin", dataset, replay: name, producers });
      return this.#statusOf(dataset, name);
    });
  }

  finish(dataset: string, name: string, producer: string): Promise<ReplayStatus> {
    return this.#tell({ kind: "replay_finish", dataset, replay: name, producer });
  }

  end(dataset: string, name: string): Promise<ReplayStatus> {
    return this.#tell({ kind: "replay_end", dataset, replay: name });
  }

  async #tell(command: ReplayCommand): Promise<ReplayStatus> {
    const { dataset, replay } = command;
    return await this.#asking.run(async () => {
      this.#statusOf(dataset, replay);
      await this.#command(command);
      this.#kick();
      return this.#statusOf(dataset, replay);
    });
  }

  async *follow(dataset: string, name: string, signal: AbortSignal): AsyncGenerator<ReplayStatus> {
    this.#kick();
    for (;;) {
      signal.throwIfAborted();
      const isIdle = this.#work === null;
      if (isIdle && this.#failure !== null) throw this.#failure;
      const next = isIdle ? null : this.#nextSlice(signal);
      yield this.#statusOf(dataset, name);
      if (next === null) return;
      await next;
    }
  }

  #nextSlice(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  async idle(): Promise<void> {
    this.#kick();
    while (this.#work !== null) await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#stopListening();
    await this.#asking.idle();
    await this.idle();
    await this.#stored[Symbol.asyncDispose]();
  }

  #kick(): void {
    if (this.#isClosing || this.#work !== null) return;
    if (this.#deps.windows.replayWork().length === 0) return;
    this.#work = this.#compute().finally(() => {
      this.#work = null;
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#watchers) wake();
  }

  /** Never rejects: why it failed is in the status, and the next commit tries again. */
  async #compute(): Promise<void> {
    try {
      for (;;) {
        const works = this.#deps.windows.replayWork();
        if (works.length === 0 || this.#isClosing) return;
        // One slice of each, so that none waits for all of another.
        for (const work of works) {
          if (this.#isClosing) return;
          await this.#slice(work);
          this.#failure = null;
          this.#wake();
        }
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async #slice({ dataset: from, replay, window: name, ...starts }: ReplayWork): Promise<void> {
    const { plan } = this.#deps.engine;
    const window = plan.windows.find((one) => one.name === name);
    const dataset = plan.datasets.find((one) => one.name === from);
    if (window === undefined || dataset === undefined) return;
    const limit = this.#deps.rowsASlice ?? rowsASlice(window);
    const toUs = await sliceEnd({ stored: this.#stored, dataset, window }, starts, limit);
    const range = { fromUs: String(starts.fromUs), toUs: String(toUs) };
    const slice = { kind: "replay_slice", dataset: from, replay, window: name, ...range } as const;
    await this.#command(slice);
  }

  #command(command: ReplayCommand): Promise<unknown> {
    return this.#deps.engine.command("windows", command);
  }

  #statusOf(dataset: string, name: string): ReplayStatus {
    const all = this.#deps.windows.replays();
    const found = all.find((one) => one.dataset === dataset && one.name === name);
    if (found !== undefined) return this.#status(found);
    throw new KurobeError(
      "KRB_WINDOWS_UNKNOWN",
      `no rows of a replay ${JSON.stringify(name.slice(0, 80))} came into ${dataset}`,
      { hint: "`kurobe replay ls` lists the replays." },
    );
  }

  #status(replay: Replay): ReplayStatus {
    const { progress, waiting, ...rest } = replay;
    const ranges = [...waiting.values()];
    const producers = [...progress.producers].map(([producer, { maxUs, isIdle }]) => ({
      name: producer,
      newestUs: maxUs === FAR_PAST_US ? null : maxUs,
      isDone: isIdle,
    }));
    return {
      ...rest,
      watermarkUs: watermarkOf(replay),
      producers,
      waiting:
        ranges.length === 0
          ? null
          : {
              fromUs: ranges.map(({ fromUs }) => fromUs).reduce((a, b) => (a < b ? a : b)),
              toUs: ranges.map(({ toUs }) => toUs).reduce((a, b) => (a > b ? a : b)),
            },
      problem: this.#failure?.message ?? null,
    };
  }
}
