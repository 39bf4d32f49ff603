/** Which master of a cluster owns which slots. One node without slots stands for no cluster. */
import { KurobeError } from "../../core/errors.ts";
import { openConnection } from "../resp/connection.ts";
import { type Reply, ReplyError } from "../resp/reply-reader.ts";
import { inTime } from "./in-time.ts";
import { SLOT_COUNT, slotOf } from "./slot.ts";
import { showAddress, showTarget, type Target, targetAt } from "./target.ts";

export interface Topology {
  /** Those that own slots. */
  readonly masters: readonly Target[];
  readonly replicas: readonly Target[];
  /** Index into `masters` by tag number; a tag that nobody owns has -1. */
  readonly ownerByTag: Int16Array;
}

/** The cluster as one of its nodes sees it. */
export interface ClusterView {
  readonly asked: Target;
  readonly masters: readonly Target[];
  readonly replicas: readonly Target[];
  /** Index into `masters` by slot, or -1. */
  readonly ownerBySlot: Int16Array;
  /** The highest epoch it has heard of, and that of what it says of its own slots; 0 is unknown. */
  readonly epoch: number;
  readonly ownEpoch: number;
}

/** Tags spread keys over slots: `{0042}`. */
const MAX_TAGS = 1024;
const ASKED_AT_ONCE = 8;

export function tagCountFor(keyCount: number): number {
  return Math.max(1, Math.min(MAX_TAGS, keyCount));
}

/** Throws KRB_BENCH_CLUSTER where the server runs without cluster mode. */
export async function readTopology(target: Target): Promise<Topology> {
  return mergeViews([await readView(target)]);
}

/**
 * What the first nodes that answer agree on: after a failover some still tell of yesterday.
 * Undefined where nobody answers in time.
 */
export async function readFreshTopology(nodes: readonly Target[]): Promise<Topology | undefined> {
  for (let from = 0; from < nodes.length; from += ASKED_AT_ONCE) {
    const asked = nodes.slice(from, from + ASKED_AT_ONCE).map(async (node) => {
      return await inTime(readView(node));
    });
    const views = (await Promise.all(asked)).filter((view) => view !== undefined);
    if (views.length > 0) return mergeViews(views);
  }
  return undefined;
}

/**
 * As the cluster itself decides: a master that claims a slot for itself owns it, the one with the
 * highest epoch where several do; of slots without such a claim the newest view tells.
 */
export function mergeViews(views: readonly ClusterView[]): Topology {
  const known: Target[] = [];
  const ownerBySlot = new Int16Array(SLOT_COUNT).fill(-1);
  const take = (view: ClusterView, isOwnAlone: boolean): void => {
    const own = view.masters.findIndex((master) => isSame(master, view.asked));
    const numbers = view.masters.map((master) => numberOf(known, master));
    view.ownerBySlot.forEach((owner, slot) => {
      const number = owner < 0 || (isOwnAlone && owner !== own) ? undefined : numbers[owner];
      if (number !== undefined) ownerBySlot[slot] = number;
    });
  };
  for (const view of views.toSorted((a, b) => a.epoch - b.epoch)) take(view, false);
  for (const view of views.toSorted((a, b) => a.ownEpoch - b.ownEpoch)) take(view, true);
  const used = new Set(ownerBySlot);
  const masters = known.filter((_, number) => used.has(number));
  const places = known.map((master) => masters.indexOf(master));
  const replicas: Target[] = [];
  for (const replica of views.flatMap((view) => view.replicas)) {
    if (!masters.some((master) => isSame(master, replica))) numberOf(replicas, replica);
  }
  const ownerByTag = Int16Array.from({ length: MAX_TAGS }, (_, tag) => {
    return places[ownerBySlot[slotOf(String(tag).padStart(4, "0"))] ?? -1] ?? -1;
  });
  return { masters, replicas, ownerByTag };
}

/** Index of the node in the list; it is added where it is missing. */
export function numberOf(nodes: Target[], node: Target): number {
  const place = nodes.findIndex((each) => isSame(each, node));
  return place >= 0 ? place : nodes.push(node) - 1;
}

export function isSame(left: Target, right: Target): boolean {
  return showAddress(left.address) === showAddress(right.address);
}

async function readView(asked: Target): Promise<ClusterView> {
  await using connection = await openConnection(asked);
  const [reply = null, info = null] = await connection.callAll([
    ["CLUSTER", "SLOTS"],
    ["CLUSTER", "INFO"],
  ]);
  if (reply instanceof ReplyError || !Array.isArray(reply)) {
    const why = reply instanceof ReplyError ? reply.message : "no list came back";
    const message = `${showTarget(asked)} does not say which slots its nodes own: ${why}`;
    throw new KurobeError("KRB_BENCH_CLUSTER", message);
  }
  const masters: Target[] = [];
  const replicas: Target[] = [];
  const ownerBySlot = new Int16Array(SLOT_COUNT).fill(-1);
  for (const range of reply as readonly Reply[]) {
    if (!Array.isArray(range)) continue;
    const [from, to, ...nodes] = range as readonly Reply[];
    const [master, ...others] = nodes.flatMap((node) => readNode(node, asked) ?? []);
    if (master === undefined) continue;
    ownerBySlot.fill(numberOf(masters, master), Number(from), Number(to) + 1);
    for (const other of others) numberOf(replicas, other);
  }
  if (masters.length === 0) {
    const message = `${showTarget(asked)} is in a cluster whose slots nobody owns`;
    throw new KurobeError("KRB_BENCH_CLUSTER", message);
  }
  const epoch = epochIn(info, "cluster_current_epoch");
  const ownEpoch = epochIn(info, "cluster_my_epoch");
  return { asked, masters, replicas, ownerBySlot, epoch, ownEpoch };
}

/** `[host, port, …]`; a node that does not know its own address says "" or null. */
function readNode(node: Reply, asked: Target): Target | undefined {
  if (!Array.isArray(node)) return undefined;
  const [host, port] = node as readonly Reply[];
  const own = asked.address.kind === "tcp" ? asked.address.host : "127.0.0.1";
  const written = typeof host === "string" && host !== "" && host !== "?" ? host : own;
  return targetAt(asked, written, Number(port));
}

function epochIn(info: Reply, name: string): number {
  const text = typeof info === "string" ? info : "";
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
}
