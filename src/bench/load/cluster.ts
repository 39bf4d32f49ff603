/**
 * The cluster under a load, while slots move and masters come and go: who owns which keys, and
 * which connection asks for whose. Nodes keep their number for good.
 */
import {
  isSame,
  numberOf,
  readFreshTopology,
  readTopology,
  type Topology,
} from "../target/topology.ts";
import { showAddress, type Target } from "../target/target.ts";
import { type KeyRouting } from "../workload/key-source.ts";
import { type Lane } from "./lane.ts";
import { dealLanes, moveLanes } from "./lane-shares.ts";
import { type ClusterChange } from "./outcome.ts";

export interface ClusterOptions {
  readonly target: Target;
  readonly tagCount: number;
  /** Called with each master that is new, before connections go to it. */
  readonly prepare: (node: Target) => Promise<void>;
}

/** Keys that one node owned at a moment: they stay together when slots move. */
export interface KeyPart {
  /** Undefined where there is no cluster. */
  readonly routing: KeyRouting | undefined;
  readonly lanes: readonly Lane[];
  /** How many of the first `count` keys of a keyspace are in it. */
  keysOf(count: number): number;
}

interface Division {
  owners: Int16Array;
}

interface Seat {
  /** Whose keys the lane asks for; it is on its way there while it is connected to another one. */
  node: number;
}

const REST_MS = 50;

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #nodes: Target[];
  #masters: ReadonlySet<number>;
  #replicas: readonly Target[];
  /** By tag. */
  #owners: Int16Array;
  /** The same, but for nodes without a lane: another one's lanes ask, and couriers know the way. */
  readonly #asked: Division;
  readonly #seats = new Map<Lane, Seat>();
  #asking: Promise<void> | undefined;
  #restsUntilMs = 0;
  readonly #came = new Set<string>();
  readonly #gone = new Set<string>();
  #hasMovedSlots = false;

  private constructor(options: ClusterOptions, { masters, replicas, ownerByTag }: Topology) {
    this.#options = options;
    this.#nodes = [...masters];
    this.#masters = new Set(masters.keys());
    this.#replicas = replicas;
    this.#owners = ownerByTag;
    this.#asked = { owners: ownerByTag };
  }

  /** Throws KRB_BENCH_CLUSTER where there is none. */
  static async open(options: ClusterOptions): Promise<Cluster> {
    return new Cluster(options, await readTopology(options.target));
  }

  /** Its masters, as far as we know. */
  get masters(): readonly Target[] {
    return this.#nodes.filter((_, node) => this.#masters.has(node));
  }

  get tagCount(): number {
    return this.#options.tagCount;
  }

  /** Tags of the workload that each node owns. */
  get weights(): readonly number[] {
    return weightsOf(this.#owners, this.#options.tagCount, this.#nodes.length);
  }

  /** For each of so many connections the node that it belongs to. */
  deal(count: number): readonly Target[] {
    const { target } = this.#options;
    return dealLanes(count, this.weights).map((node) => this.#nodes[node] ?? target);
  }

  /** Keys of the lane's node, wherever that may be by now. */
  seat(lane: Lane): KeyRouting {
    const seat: Seat = { node: this.#nodes.findIndex((node) => node === lane.target) };
    this.#seats.set(lane, seat);
    return routingOf(this.tagCount, this.#asked, seat);
  }

  /** All keys as they are divided now. */
  parts(): readonly KeyPart[] {
    const { owners } = this.#asked;
    const { tagCount } = this.#options;
    const lanes = [...this.#seats.keys()];
    const nodes = [...new Set(owners.subarray(0, tagCount))].toSorted((a, b) => a - b);
    return nodes.flatMap((node) => {
      if (node < 0) return [];
      const own = lanes.filter((lane) => this.#seats.get(lane)?.node === node);
      return {
        routing: routingOf(tagCount, { owners }, { node }),
        lanes: own.length > 0 ? own : lanes,
        keysOf: (count: number) => {
          let sum = 0;
          for (let tag = 0; tag < tagCount; tag++) {
            if (owners[tag] === node) sum += Math.floor((count - tag + tagCount - 1) / tagCount);
          }
          return sum;
        },
      };
    });
  }

  /** Whether a lane is connected, or tries to be, to another node than the one it belongs to. */
  isAstray(lane: Lane): boolean {
    const seat = this.#seats.get(lane);
    return seat !== undefined && this.#nodes[seat.node] !== lane.target;
  }

  /** Only while nothing of the lane is in flight. It is then without a connection. */
  sendHome(lane: Lane): void {
    const node = this.#nodes[this.#seats.get(lane)?.node ?? -1];
    if (node !== undefined) lane.moveTo(node);
  }

  /** Slots have moved, or a node is gone: asks again, one question at a time. */
  refresh(): void {
    if (this.#asking !== undefined || performance.now() < this.#restsUntilMs) return;
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
      this.#restsUntilMs = performance.now() + REST_MS;
    });
  }

  /** What has changed since the last call; null where nothing has. */
  takeChange(): ClusterChange | null {
    const change = { came: [...this.#came], gone: [...this.#gone] };
    const hasChanged = this.#hasMovedSlots || this.#came.size > 0 || this.#gone.size > 0;
    this.#came.clear();
    this.#gone.clear();
    this.#hasMovedSlots = false;
    return hasChanged ? change : null;
  }

  /** Ends when the question that is under way does. */
  async close(): Promise<void> {
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const { target, prepare } = this.#options;
    const candidates: Target[] = [];
    for (const node of [...this.masters, ...this.#replicas, ...this.#nodes, target]) {
      numberOf(candidates, node);
    }
    const topology = await readFreshTopology(candidates);
    if (topology === undefined) return;
    const isNew = (master: Target): boolean => !this.masters.some((each) => isSame(each, master));
    // One that refuses tells so again with each operation, and those are counted.
    await Promise.allSettled(topology.masters.filter(isNew).map(prepare));
    this.#apply(topology);
  }

  #apply({ masters, replicas, ownerByTag }: Topology): void {
    const { tagCount } = this.#options;
    const numbers = masters.map((master) => numberOf(this.#nodes, master));
    const before = this.#masters;
    this.#masters = new Set(numbers);
    this.#replicas = replicas;
    for (const node of this.#masters) if (!before.has(node)) this.#came.add(this.#nameOf(node));
    for (const node of before) if (!this.#masters.has(node)) this.#gone.add(this.#nameOf(node));
    // Keys of a slot that nobody owns for now are asked for where they were.
    const owners = ownerByTag.map((owner, tag) => numbers[owner] ?? this.#owners[tag] ?? -1);
    for (let tag = 0; tag < tagCount; tag++) {
      if (owners[tag] !== this.#owners[tag]) this.#hasMovedSlots = true;
    }
    this.#owners = owners;
    const seats = [...this.#seats.values()];
    const places = seats.map(({ node }) => node);
    moveLanes(places, this.weights).forEach((node, index) => {
      const seat = seats[index];
      if (seat !== undefined) seat.node = node;
    });
    const served = [...new Set(seats.map(({ node }) => node))];
    this.#asked.owners = owners.map((owner, tag) => {
      return owner < 0 || served.includes(owner) ? owner : (served[tag % served.length] ?? owner);
    });
  }

  #nameOf(node: number): string {
    const target = this.#nodes[node];
    return target === undefined ? "" : showAddress(target.address);
  }
}

/** One function for all routings: calls of several would not be inlined, and each key is a call. */
function routingOf(tagCount: number, division: Division, seat: Readonly<Seat>): KeyRouting {
  return { tagCount, isMine: (tag) => division.owners[tag] === seat.node };
}

function weightsOf(owners: Int16Array, tagCount: number, nodes: number): readonly number[] {
  const weights = Array.from({ length: nodes }, () => 0);
  for (const owner of owners.subarray(0, tagCount)) {
    if (owner >= 0) weights[owner] = (weights[owner] ?? 0) + 1;
  }
  return weights;
}
