/** Connections to one engine, warm and ready, that carry one workload run after run. */
import { KurobeError } from "../../core/errors.ts";
import { readTopology, tagCountFor, type Topology } from "../target/topology.ts";
import { showTarget, type Target } from "../target/target.ts";
import { compileWorkload, type CompiledOperation } from "../workload/compile.ts";
import { Composer } from "../workload/composer.ts";
import { InsertCounter, type KeyRouting } from "../workload/key-source.ts";
import { Random } from "../workload/random.ts";
import { makeValueBytes } from "../workload/value-bytes.ts";
import { type Workload } from "../workload/workload.ts";
import { Couriers } from "./couriers.ts";
import { Lane } from "./lane.ts";
import { type LoadOutcome } from "./outcome.ts";
import { type LoadProgress } from "./recorder.ts";
import { runLanes, type Pace } from "./run-lanes.ts";

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

interface BoundLane {
  readonly lane: Lane;
  readonly node: number;
}

export interface Parcel {
  readonly workload: Workload;
  readonly operations: readonly CompiledOperation[];
  readonly inserts: readonly InsertCounter[];
}

export class Load implements AsyncDisposable {
  readonly options: LoadOptions;
  #topology: Topology | undefined;
  readonly #lanes: BoundLane[] = [];
  readonly #composers: Composer[] = [];
  readonly #parcel: Parcel;
  readonly #valueBytes: Buffer;
  readonly #tagCount: number;
  #runs = 0;
  #refreshing: Promise<void> | undefined;
  readonly #couriers: Couriers | undefined;
  /** Nodes that own no keys of ours any more: what their connections ask for is sent on. */
  #without: ReadonlySet<number> = new Set();

  private constructor(options: LoadOptions, topology: Topology | undefined) {
    this.options = options;
    this.#topology = topology;
    this.#couriers = topology === undefined ? undefined : new Couriers(options.target);
    const { workload, seed } = options;
    this.#valueBytes = makeValueBytes(workload, seed);
    const fewest = Math.min(...workload.keyspaces.map(({ keyCount }) => keyCount));
    this.#tagCount = tagCountFor(fewest);
    const { index, count } = options.worker ?? ALONE;
    this.#parcel = {
      workload,
      operations: this.compile(workload),
      inserts: workload.keyspaces.map(({ keyCount }) => new InsertCounter(keyCount, index, count)),
    };
  }

  /** Opens all connections. Throws what the target or the workload is refused for. */
  static async open(options: LoadOptions): Promise<Load> {
    const { target } = options;
    const topology = target.isCluster ? await readTopology(target) : undefined;
    const load = new Load(options, topology);
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
    return this.#topology?.masters ?? [this.options.target];
  }

  /** False once the server has gone away. */
  get isConnected(): boolean {
    return this.#lanes.some(({ lane }) => lane.isConnected);
  }

  get inserts(): readonly InsertCounter[] {
    return this.#parcel.inserts;
  }

  async run(options: RunOptions): Promise<LoadOutcome> {
    this.#runs += 1;
    return await this.#runOn(this.#lanes, this.#parcel, this.#composers, options);
  }

  /** Another workload over the same connections, on one node: filling and cleaning. */
  async runOnNode(
    node: number,
    parcel: Parcel,
    depth: number,
    options: RunOptions,
  ): Promise<LoadOutcome> {
    const lanes = this.#lanes.filter((each) => each.node === node);
    const composers = lanes.map(({ node }, index) => this.#compose(parcel, index, node, depth));
    return await this.#runOn(lanes, parcel, composers, { ...options }, depth);
  }

  /** How many of the first `count` keys of a keyspace a node owns. */
  keysOfNode(node: number, count: number): number {
    const owner = this.#topology?.ownerByTag;
    if (owner === undefined) return count;
    let mine = 0;
    for (let tag = 0; tag < this.#tagCount; tag++) {
      if (owner[tag] !== node) continue;
      mine += Math.floor((count - tag + this.#tagCount - 1) / this.#tagCount);
    }
    return mine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { lane } of this.#lanes) lane.close();
    this.#couriers?.close();
    await this.#refreshing?.catch(() => undefined);
  }

  compile(workload: Workload): readonly CompiledOperation[] {
    const isCluster = this.#topology !== undefined;
    return compileWorkload(workload, { valueBytes: this.#valueBytes, isCluster });
  }

  async #connectAll(): Promise<void> {
    const { connections, depth } = this.options;
    const masters = this.nodes;
    for (let node = 0; node < masters.length; node++) {
      if (this.keysOfNode(node, this.#tagCount) > 0) continue;
      throw new KurobeError(
        "KRB_BENCH_WORKLOAD",
        `${this.#tagCount} keys are too few for a cluster of ${masters.length} masters`,
        { hint: "Use 1,024 keys or more, so that each master has some." },
      );
    }
    const count = Math.max(connections, masters.length);
    for (let index = 0; index < count; index++) {
      const node = index % masters.length;
      const lane = new Lane(masters[node] ?? this.options.target);
      this.#lanes.push({ lane, node });
      this.#composers.push(this.#compose(this.#parcel, index, node, depth));
    }
    // Hundreds at once would overflow the server's queue of connections to accept.
    for (let from = 0; from < count; from += 64) {
      const some = this.#lanes.slice(from, from + 64);
      await Promise.all(some.map(({ lane }) => lane.connect()));
    }
  }

  #compose(parcel: Parcel, index: number, node: number, depth: number): Composer {
    const worker = this.options.worker ?? ALONE;
    const { connections } = this.options;
    const lanes = Math.max(connections, worker.mostConnections, this.nodes.length);
    return new Composer({
      workload: parcel.workload,
      operations: parcel.operations,
      inserts: parcel.inserts,
      seed: this.options.seed,
      // Threads may have one connection more or less: numbers that take turns never meet.
      lane: worker.index + index * worker.count,
      lanes: worker.count * lanes,
      depth,
      valueBytes: this.#valueBytes,
      routing: this.#topology === undefined ? undefined : this.#routing(node),
    });
  }

  #routing(node: number): KeyRouting {
    return {
      tagCount: this.#tagCount,
      isMine: (tag) => this.#topology?.ownerByTag[tag] === node || this.#without.has(node),
    };
  }

  async #runOn(
    lanes: readonly BoundLane[],
    { operations }: Parcel,
    composers: readonly Composer[],
    options: RunOptions,
    depth = this.options.depth,
  ): Promise<LoadOutcome> {
    const { seed, timeoutMs, worker = ALONE } = this.options;
    return await runLanes({
      ...options,
      lanes: lanes.map(({ lane }) => lane),
      composers,
      operations,
      depth,
      timeoutMs,
      random: new Random(seed, 1_000_000 * (1 + worker.index) + this.#runs),
      isProcessMeasured: worker.isFirstOfProcess,
      onMoved: () => this.#refresh(),
      couriers: this.#couriers,
    });
  }

  /** Slots have moved, or a node is gone: asks again, once at a time. */
  #refresh(): void {
    if (this.#topology === undefined || this.#refreshing !== undefined) return;
    const { masters } = this.#topology;
    this.#refreshing = this.#readAgain(masters).finally(() => (this.#refreshing = undefined));
  }

  async #readAgain(known: readonly Target[]): Promise<void> {
    for (const node of known) {
      try {
        const { masters, ownerByTag } = await readTopology(node);
        // Connections stay with the node they are open to; its number must not change.
        const names = masters.map((target) => showTarget(target));
        const before = known.map((target) => showTarget(target));
        const last = this.#topology?.ownerByTag;
        // Of a node that is new here, whoever asked for its keys goes on: couriers know the way.
        const owners = ownerByTag.map((owner, tag) => {
          const place = before.indexOf(names[owner] ?? "");
          return place >= 0 ? place : (last?.[tag] ?? -1);
        });
        this.#topology = { masters: known, ownerByTag: owners };
        const used = new Set(owners.slice(0, this.#tagCount));
        this.#without = new Set([...known.keys()].filter((node) => !used.has(node)));
        return;
      } catch {
        // The next node may know.
      }
    }
  }
}
