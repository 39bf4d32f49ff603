/** Which master of a cluster owns which slots. One node without slots stands for no cluster. */
import { KurobeError } from "../../core/errors.ts";
import { openConnection } from "../resp/connection.ts";
import { type Reply, ReplyError } from "../resp/reply-reader.ts";
import { slotOf } from "./slot.ts";
import { showAddress, showTarget, type Target, targetAt } from "./target.ts";

export interface Topology {
  readonly masters: readonly Target[];
  /** Index into `masters` by tag number; a tag that nobody owns has -1. */
  readonly ownerByTag: Int16Array;
}

/** Tags spread keys over slots: `{0042}`. */
const MAX_TAGS = 1024;

export function tagCountFor(keyCount: number): number {
  return Math.max(1, Math.min(MAX_TAGS, keyCount));
}

/** Throws KRB_BENCH_CLUSTER where the server runs without cluster mode. */
export async function readTopology(target: Target): Promise<Topology> {
  await using connection = await openConnection(target);
  const reply = await connection.call("CLUSTER", "SLOTS");
  if (reply instanceof ReplyError || !Array.isArray(reply)) {
    const why = reply instanceof ReplyError ? reply.message : "no list came back";
    const message = `${showTarget(target)} does not say which slots its nodes own: ${why}`;
    throw new KurobeError("KRB_BENCH_CLUSTER", message);
  }
  const masters: Target[] = [];
  const ownerBySlot = new Map<number, number>();
  for (const range of reply as readonly Reply[]) {
    const read = readRange(range, target);
    if (read === undefined) continue;
    const { from, to, master } = read;
    const name = showAddress(master.address);
    let index = masters.findIndex(({ address }) => showAddress(address) === name);
    if (index < 0) index = masters.push(master) - 1;
    for (let slot = from; slot <= to; slot++) ownerBySlot.set(slot, index);
  }
  if (masters.length === 0) {
    const message = `${showTarget(target)} is in a cluster whose slots nobody owns`;
    throw new KurobeError("KRB_BENCH_CLUSTER", message);
  }
  const ownerByTag = Int16Array.from({ length: MAX_TAGS }, (_, tag) => {
    return ownerBySlot.get(slotOf(String(tag).padStart(4, "0"))) ?? -1;
  });
  return { masters, ownerByTag };
}

/** `[from, to, [host, port, …], …]`; a node that does not know its own address says "" or null. */
function readRange(
  range: Reply,
  target: Target,
): { readonly from: number; readonly to: number; readonly master: Target } | undefined {
  if (!Array.isArray(range)) return undefined;
  const [from, to, node] = range as readonly Reply[];
  if (!Array.isArray(node)) return undefined;
  const [host, port] = node as readonly Reply[];
  const own = target.address.kind === "tcp" ? target.address.host : "127.0.0.1";
  const written = typeof host === "string" && host !== "" && host !== "?" ? host : own;
  return { from: Number(from), to: Number(to), master: targetAt(target, written, Number(port)) };
}
