/**
 * One file of the simulated disk: what of it is durable, and what was written since. Its bytes now
 * are those of the real file; this keeps what a power loss may leave of them.
 */
import { type Random } from "./random.ts";

/** Disks write sectors whole or not at all; a file system may stop at any byte of the size. */
export const SECTOR_BYTES = 512;

export type PendingWrite =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly sizeBytes: number };

export class SimInode {
  #durable: Buffer;
  #pending: PendingWrite[] = [];
  /** Sectors whose write-back failed: they look written until the power goes. */
  readonly #lost = new Set<number>();

  constructor(durable: Uint8Array = new Uint8Array(0)) {
    this.#durable = Buffer.from(durable);
  }

  get durable(): Buffer {
    return this.#durable;
  }

  note(write: PendingWrite): void {
    this.#pending.push(write);
    this.#forgetLost(write);
  }

  /** A sync that worked: the file's bytes now, but for the sectors lost before, are durable. */
  commit(now: Uint8Array): void {
    const next = Buffer.from(now);
    for (const sector of this.#lost) copySector(this.#durable, next, sector);
    this.#durable = next;
    this.#pending = [];
  }

  /** A sync that failed: the system forgets that these pages were dirty, and may not retry them. */
  lose(): void {
    for (const write of this.#pending) {
      if (write.kind !== "write") continue;
      const last = Math.ceil((write.offset + write.bytes.length) / SECTOR_BYTES);
      for (let at = Math.floor(write.offset / SECTOR_BYTES); at < last; at += 1) this.#lost.add(at);
    }
  }

  /**
   * The bytes after a power loss, one of many legal outcomes; `now` are the file's bytes before.
   * What another library wrote, past this object, counts as one write of the whole file.
   */
  afterPowerLoss(now: Uint8Array, random: Random): Buffer {
    const versions = this.#versions(now);
    const style = random.pick(["all", "none", "prefix", "zero-tail", "sectors"] as const);
    const oldest = versions[0] ?? Buffer.alloc(0);
    const newest = versions.at(-1) ?? oldest;
    if (versions.length === 1 || style === "none") return this.#withLost(oldest, random);
    if (style === "all") return this.#withLost(newest, random);
    const index = 1 + random.below(versions.length - 1);
    const before = versions[index - 1] ?? oldest;
    const after = versions[index] ?? newest;
    if (style === "prefix") return this.#withLost(torn(before, after, random), random);
    if (style === "zero-tail") return this.#withLost(zeroTail(before, newest, random), random);
    return this.#withLost(mixedSectors(versions, random), random);
  }

  /** The durable bytes, then the bytes after each write since. */
  #versions(now: Uint8Array): Buffer[] {
    const versions = [this.#durable];
    for (const write of this.#pending) {
      versions.push(applied(versions.at(-1) ?? this.#durable, write));
    }
    const newest = versions.at(-1) ?? this.#durable;
    if (this.#lost.size === 0 && Buffer.compare(newest, now) !== 0) versions.push(Buffer.from(now));
    return versions;
  }

  /** Of the sectors that a failed sync covered, any may be what they were before it. */
  #withLost(bytes: Buffer, random: Random): Buffer {
    const result = Buffer.from(bytes);
    for (const sector of this.#lost) {
      if (random.chance(0.5)) copySector(this.#durable, result, sector);
    }
    return result;
  }

  #forgetLost(write: PendingWrite): void {
    const from = write.kind === "write" ? write.offset : write.sizeBytes;
    const to = write.kind === "write" ? write.offset + write.bytes.length : Infinity;
    for (const sector of [...this.#lost]) {
      const at = sector * SECTOR_BYTES;
      if (at < to && at + SECTOR_BYTES > from) this.#lost.delete(sector);
    }
  }
}

function applied(bytes: Buffer, write: PendingWrite): Buffer {
  if (write.kind === "truncate") {
    const result = Buffer.alloc(write.sizeBytes);
    bytes.copy(result);
    return result;
  }
  const result = Buffer.alloc(Math.max(bytes.length, write.offset + write.bytes.length));
  bytes.copy(result);
  result.set(write.bytes, write.offset);
  return result;
}

/** One write that stopped part of the way, at a sector or at any byte. */
function torn(before: Buffer, after: Buffer, random: Random): Buffer {
  const first = firstDifference(before, after);
  const at = first + random.below(Math.max(before.length, after.length) - first + 1);
  const isWhole = random.chance(0.5);
  const cut = isWhole ? Math.max(first, at - (at % SECTOR_BYTES)) : at;
  const arrived = Math.min(cut, after.length);
  const result = Buffer.alloc(Math.max(before.length, arrived));
  before.copy(result);
  after.copy(result, 0, 0, arrived);
  return result;
}

/** The size arrived, the bytes did not: what delayed allocation leaves behind. */
function zeroTail(before: Buffer, newest: Buffer, random: Random): Buffer {
  const result = Buffer.from(newest);
  const first = firstDifference(before, newest);
  const from = first + random.below(newest.length - Math.min(first, newest.length) + 1);
  return result.fill(0, Math.min(from, newest.length));
}

/** Every sector by itself is of any version, and so is the size. */
function mixedSectors(versions: readonly Buffer[], random: Random): Buffer {
  const sizeBytes = random.pick(versions).length;
  const result = Buffer.alloc(sizeBytes);
  for (let sector = 0; sector * SECTOR_BYTES < sizeBytes; sector += 1) {
    copySector(random.pick(versions), result, sector);
  }
  return result;
}

/** Zeros where `from` is shorter; the size of `into` stays. */
function copySector(from: Buffer, into: Buffer, sector: number): void {
  const at = sector * SECTOR_BYTES;
  const end = Math.min(at + SECTOR_BYTES, into.length);
  if (at >= end) return;
  into.fill(0, at, end);
  into.set(from.subarray(at, end), at);
}

function firstDifference(left: Buffer, right: Buffer): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) if (left[at] !== right[at]) return at;
  return shared;
}
