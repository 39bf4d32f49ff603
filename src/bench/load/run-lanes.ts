/** One run over connections: starts them, watches over time limits, and ends when all is home. */
import { type CompiledOperation } from "../workload/compile.ts";
import { type Composer } from "../workload/composer.ts";
import { type Random } from "../workload/random.ts";
import { EffortMeter } from "./client-effort.ts";
import { ClosedLoop } from "./closed-loop.ts";
import { type Cluster } from "./cluster.ts";
import { type Couriers } from "./couriers.ts";
import { type Lane, type LaneWork, type Pacer } from "./lane.ts";
import { OpenLoop } from "./open-loop.ts";
import { type EndedBy, type LoadOutcome, outcomeOf } from "./outcome.ts";
import { type LoadProgress, Recorder } from "./recorder.ts";
import { Tally } from "./tally.ts";

export type Pace =
  | { readonly kind: "closed" }
  | {
      readonly kind: "open";
      readonly perSecond: number;
      readonly arrival: "constant" | "poisson";
      /** When the first operation is due, in milliseconds: threads at one rate take turns. */
      readonly firstMs?: number;
    };

export interface LanesRun {
  readonly lanes: readonly Lane[];
  readonly composers: readonly Composer[];
  readonly operations: readonly CompiledOperation[];
  readonly depth: number;
  readonly timeoutMs: number;
  readonly pace: Pace;
  readonly durationMs: number;
  readonly requests: number;
  readonly intervalMs: number;
  /** How long what was due in time may still wait for a connection; as long as the time limit. */
  readonly drainMs?: number | undefined;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly onInterval?: ((progress: LoadProgress) => void) | undefined;
  /** False where another thread of this process reports what the process costs. */
  readonly isProcessMeasured: boolean;
  /** Undefined where there is one node alone, which owns all keys. */
  readonly cluster?: Cluster | undefined;
  readonly couriers?: Couriers | undefined;
}

const WATCH_MS = 50;
/** A run without a time limit ends when no server is there for so long. */
const GIVE_UP_MS = 10_000;

export async function runLanes(options: LanesRun): Promise<LoadOutcome> {
  const recorder = new Recorder(options.operations.map(({ name }) => name));
  const reconnecting = new AbortController();
  const meter = new EffortMeter({ isProcessMeasured: options.isProcessMeasured });
  const startedAt = new Date().toISOString();
  const run = new Run(options, { recorder, meter }, reconnecting.signal);
  const onAbort = (): void => run.end("interrupted");
  options.signal?.addEventListener("abort", onAbort);
  try {
    await run.start();
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    reconnecting.abort();
  }
  const endMs = performance.now();
  recorder.roll(endMs, meter.interval());
  return outcomeOf(recorder, {
    startedAt,
    elapsedMs: endMs - run.startMs,
    endedBy: run.endedBy,
    isOpenLoop: options.pace.kind === "open",
    clusterChange: options.cluster?.takeChange() ?? null,
    client: meter.finish(),
  });
}

class Run {
  readonly #options: LanesRun;
  readonly #recorder: Recorder;
  readonly #meter: EffortMeter;
  readonly #pacer: ClosedLoop | OpenLoop;
  readonly #reconnecting: AbortSignal;
  readonly #tally: Tally;
  readonly #composers: ReadonlyMap<Lane, Composer | undefined>;
  readonly #leaving = new Set<Lane>();
  /** Of a lane that has to leave: with its last reply it goes, instead of sending more. */
  readonly #departure: Pacer = {
    ready: (lane, nowMs) => {
      if (!this.#depart(lane)) this.#pacer.ready(lane, nowMs);
    },
    lost: (lane) => {
      if (!this.#depart(lane)) this.#pacer.lost(lane);
    },
    moved: () => this.#options.cluster?.refresh(),
  };
  #deadlineMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #finish: () => void = () => undefined;
  #rolledMs = 0;
  #seenMs = 0;
  startMs = 0;
  endedBy: EndedBy;

  constructor(
    options: LanesRun,
    { recorder, meter }: { readonly recorder: Recorder; readonly meter: EffortMeter },
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#recorder = recorder;
    this.#meter = meter;
    this.#reconnecting = signal;
    this.#tally = new Tally(options.operations, recorder);
    const { lanes, composers } = options;
    this.#composers = new Map(lanes.map((lane, index) => [lane, composers[index]]));
    this.endedBy = Number.isFinite(options.durationMs) ? "duration" : "requests";
    const shared = {
      lanes: options.lanes,
      depth: options.depth,
      durationMs: options.durationMs,
      budget: options.requests,
      onMoved: () => options.cluster?.refresh(),
      onLost: (lane: Lane) => this.#lost(lane),
      onIdle: () => this.#settle(),
    };
    const { pace, random } = options;
    this.#pacer =
      pace.kind === "closed"
        ? new ClosedLoop(shared)
        : new OpenLoop({ ...shared, ...pace, random, recorder });
  }

  async start(): Promise<void> {
    const { lanes, cluster } = this.#options;
    cluster?.takeChange();
    for (const lane of lanes) lane.assign(this.#workOf(lane, this.#pacer));
    const startMs = performance.now();
    this.startMs = startMs;
    this.#rolledMs = startMs;
    this.#seenMs = startMs;
    this.#deadlineMs = startMs + this.#options.durationMs;
    this.#recorder.begin(startMs);
    await new Promise<void>((resolve) => {
      this.#finish = resolve;
      this.#timer = setInterval(() => this.#watch(), WATCH_MS);
      for (const lane of lanes) if (!lane.isConnected) this.#lost(lane);
      this.#pacer.start(startMs);
      if (this.#options.signal?.aborted === true) this.end("interrupted");
    });
    clearInterval(this.#timer);
  }

  end(endedBy: EndedBy): void {
    this.endedBy = endedBy;
    this.#pacer.stop();
  }

  #lost(lane: Lane): void {
    if (this.#pacer.isDone) {
      this.#settle();
      return;
    }
    this.#options.cluster?.refresh();
    void this.#reconnect(lane);
  }

  #workOf(lane: Lane, pacer: Pacer): LaneWork {
    const { couriers } = this.#options;
    const composer = this.#composers.get(lane);
    if (composer === undefined) throw new Error("each connection needs a composer");
    const [tally, recorder] = [this.#tally, this.#recorder];
    // One literal: objects put together from others have a shape each, which every read pays for.
    return { composer, couriers, tally, recorder, pacer };
  }

  /** Lanes of a master that is gone, or the share of a new one, go to where their keys are. */
  #follow(cluster: Cluster): void {
    for (const lane of this.#options.lanes) {
      if (!lane.isConnected) cluster.refresh();
      if (!cluster.isAstray(lane) || this.#leaving.has(lane)) continue;
      if (lane.isBusy) {
        this.#leaving.add(lane);
        lane.answerTo(this.#workOf(lane, this.#departure));
      } else this.#depart(lane);
    }
  }

  /** False where it need not leave any more. */
  #depart(lane: Lane): boolean {
    const { cluster } = this.#options;
    this.#leaving.delete(lane);
    lane.answerTo(this.#workOf(lane, this.#pacer));
    if (cluster?.isAstray(lane) !== true) return false;
    cluster.sendHome(lane);
    this.#pacer.lost(lane);
    return true;
  }

  async #reconnect(lane: Lane): Promise<void> {
    if (await lane.reconnect(this.#reconnecting)) this.#pacer.ready(lane, performance.now());
  }

  /** The run is over when nothing will be sent any more, and nothing is in flight. */
  #settle(): void {
    if (!this.#pacer.isDone) return;
    if (this.#options.lanes.some(({ isBusy }) => isBusy)) return;
    this.#finish();
  }

  #watch(): void {
    const nowMs = performance.now();
    const { lanes, timeoutMs, intervalMs, onInterval, cluster } = this.#options;
    const { drainMs = timeoutMs } = this.#options;
    for (const lane of lanes) {
      if (lane.isBusy && nowMs - lane.sentMs > timeoutMs) {
        lane.fail("timeout", `no reply within ${timeoutMs} ms`);
      }
    }
    if (cluster !== undefined) this.#follow(cluster);
    if (lanes.some(({ isConnected }) => isConnected)) this.#seenMs = nowMs;
    else if (!Number.isFinite(this.#deadlineMs) && nowMs - this.#seenMs > GIVE_UP_MS) {
      this.end("unreachable");
    }
    this.#pacer.catchUp(nowMs);
    // Without a reply nobody looks at the time; what waits in an open loop may still be sent.
    const graceMs = this.#pacer.waiting > 0 ? drainMs : 0;
    if (nowMs > this.#deadlineMs + graceMs && !this.#pacer.isDone) this.#pacer.stop();
    if (nowMs - this.#rolledMs >= intervalMs) {
      this.#rolledMs = nowMs;
      const progress = this.#recorder.roll(nowMs, this.#meter.interval());
      onInterval?.(progress);
    }
    this.#settle();
  }
}
