/** Connections to one engine, warm and ready, that carry one workload run after run. */
import { KurobeError } from "../../core/errors.ts";
import { type Target } from "../target/target.ts";
import { tagCountFor } from "../target/topology.ts";
import { compileWorkload, type CompiledOperation } from "../workload/compile.ts";
import { Composer } from "../workload/composer.ts";
import { InsertCounter, type KeyRouting } from "../workload/key-source.ts";
import { Random } from "../workload/random.ts";
import { makeValueBytes } from "../workload/value-bytes.ts";
import { type Workload } from "../workload/workload.ts";
import { Cluster, type KeyPart } from "./cluster.ts";
import { Couriers } from "./couriers.ts";
import { Lane } from "./lane.ts";
import { type LoadOutcome } from "./outcome.ts";
import { type LoadProgress } from "./recorder.ts";
import { runLanes, type Pace } from "./run-lanes.ts";
import { setUp } from "./set-up.ts";

export interface LoadOptions {
  readonly target: Target;
  readonly workload: Workload;
  readonly connections: number;
  /** Operations that go out in one write. */
  readonly depth: number;
  readonly seed: number;
  /** An operation without reply after this counts as `timeout`, and its connection is given up. */
  readonly timeoutMs: number;
  /** Undefined where one thread carries the whole load. */
  readonly worker?: WorkerPlace | undefined;
}

/** Which share of a load a thread has: random numbers and new keys of its own. */
export interface WorkerPlace {
  readonly index: number;
  readonly count: number;
  /** Connections of the thread that has the most. */
  readonly mostConnections: number;
  /** One thread of each process reports what the process costs. */
  readonly isFirstOfProcess: boolean;
}

const ALONE: WorkerPlace = { index: 0, count: 1, mostConnections: 1, isFirstOfProcess: true };

export interface RunOptions {
  readonly pace: Pace;
  /** Either may be infinite, not both. */
  readonly durationMs: number;
  readonly requests: number;
  readonly intervalMs: number;
  /** How long what was due in time may still wait for a connection; as long as the time limit. */
  readonly drainMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onInterval?: ((progress: LoadProgress) => void) | undefined;
}

export interface Parcel {
  readonly workload: Workload;
  readonly operations: readonly CompiledOperation[];
  readonly inserts: readonly InsertCounter[];
}

export class Load implements AsyncDisposable {
  readonly options: LoadOptions;
  readonly #cluster: Cluster | undefined;
  readonly #lanes: Lane[] = [];
  readonly #composers: Composer[] = [];
  readonly #parcel: Parcel;
  readonly #valueBytes: Buffer;
  /** Connections of the thread that has the most. */
  readonly #mostLanes: number;
  readonly #couriers: Couriers | undefined;
  #runs = 0;

  private constructor(options: LoadOptions, cluster: Cluster | undefined) {
    this.options = options;
    this.#cluster = cluster;
    this.#couriers = cluster === undefined ? undefined : new Couriers(options.target);
    const { workload, seed, connections, worker = ALONE } = options;
    this.#valueBytes = makeValueBytes(workload, seed);
    this.#mostLanes = Math.max(connections, worker.mostConnections, this.nodes.length);
    const { index, count } = worker;
    this.#parcel = {
      workload,
      operations: this.compile(workload),
      inserts: workload.keyspaces.map(({ keyCount }) => new InsertCounter(keyCount, index, count)),
    };
  }

  /** Opens all connections. Throws what the target or the workload is refused for. */
  static async open(options: LoadOptions): Promise<Load> {
    const { target, workload } = options;
    const fewest = Math.min(...workload.keyspaces.map(({ keyCount }) => keyCount));
    const cluster = target.isCluster
      ? await Cluster.open({
          target,
          tagCount: tagCountFor(fewest),
          prepare: async (node) => setUp([node], workload),
        })
      : undefined;
    const load = new Load(options, cluster);
    try {
      await load.#connectAll();
      return load;
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Masters of the cluster, or the one server. */
  get nodes(): readonly Target[] {
    return this.#cluster?.masters ?? [this.options.target];
  }

  /** False once the server has gone away. */
  get isConnected(): boolean {
    return this.#lanes.some(({ isConnected }) => isConnected);
  }

  get inserts(): readonly InsertCounter[] {
    return this.#parcel.inserts;
  }

  async run(options: RunOptions): Promise<LoadOutcome> {
    this.#runs += 1;
    return await this.#runOn(this.#lanes, this.#parcel, this.#composers, options);
  }

  /** All keys, divided as the nodes own them now. */
  parts(): readonly KeyPart[] {
    const whole = { routing: undefined, lanes: this.#lanes, keysOf: (count: number) => count };
    return this.#cluster?.parts() ?? [whole];
  }

  /** Another workload over the same connections, on a part of the keys: filling and cleaning. */
  async runOnPart(
    { lanes, routing }: KeyPart,
    parcel: Parcel,
    depth: number,
    options: RunOptions,
  ): Promise<LoadOutcome> {
    const composers = lanes.map((_, index) => this.#compose(parcel, index, routing, depth));
    return await this.#runOn(lanes, parcel, composers, { ...options }, depth);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lane of this.#lanes) lane.close();
    this.#couriers?.close();
    await this.#cluster?.close();
  }

  compile(workload: Workload): readonly CompiledOperation[] {
    const isCluster = this.#cluster !== undefined;
    return compileWorkload(workload, { valueBytes: this.#valueBytes, isCluster });
  }

  async #connectAll(): Promise<void> {
    const { connections, depth, target, workload } = this.options;
    const cluster = this.#cluster;
    const masters = this.nodes.length;
    if (cluster?.weights.some((weight) => weight === 0) === true) {
      const what = workload.audience === undefined ? "keys" : "channels";
      throw new KurobeError(
        "KRB_BENCH_WORKLOAD",
        `${cluster.tagCount} ${what} are too few for a cluster of ${masters} masters`,
        { hint: `Use 1,024 ${what} or more, so that each master has some.` },
      );
    }
    const count = Math.max(connections, masters);
    const places = cluster?.deal(count);
    for (let index = 0; index < count; index++) {
      const lane = new Lane(places?.[index] ?? target);
      this.#lanes.push(lane);
      this.#composers.push(this.#compose(this.#parcel, index, cluster?.seat(lane), depth));
    }
    // Hundreds at once would overflow the server's queue of connections to accept.
    for (let from = 0; from < count; from += 64) {
      const some = this.#lanes.slice(from, from + 64);
      await Promise.all(some.map((lane) => lane.connect()));
    }
  }

  #compose(
    parcel: Parcel,
    index: number,
    routing: KeyRouting | undefined,
    depth: number,
  ): Composer {
    const worker = this.options.worker ?? ALONE;
    return new Composer({
      workload: parcel.workload,
      operations: parcel.operations,
      inserts: parcel.inserts,
      seed: this.options.seed,
      // Threads may have one connection more or less: numbers that take turns never meet.
      lane: worker.index + index * worker.count,
      lanes: worker.count * this.#mostLanes,
      depth,
      valueBytes: this.#valueBytes,
      routing,
    });
  }

  async #runOn(
    lanes: readonly Lane[],
    { operations }: Parcel,
    composers: readonly Composer[],
    options: RunOptions,
    depth = this.options.depth,
  ): Promise<LoadOutcome> {
    const { seed, timeoutMs, worker = ALONE } = this.options;
    return await runLanes({
      ...options,
      lanes,
      composers,
      operations,
      depth,
      timeoutMs,
      random: new Random(seed, 1_000_000 * (1 + worker.index) + this.#runs),
      isProcessMeasured: worker.isFirstOfProcess,
      cluster: this.#cluster,
      couriers: this.#couriers,
    });
  }
}
