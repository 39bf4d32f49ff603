/** The numbers behind one keyspace's placeholders, for one connection. */
import { openSampler, type Sampler } from "./distribution.ts";
import { type NumberSource } from "./placeholder.ts";
import { type Random } from "./random.ts";
import { stampOf } from "./time-stamp.ts";
import { type Keyspace } from "./workload.ts";

/** Which node owns a key: `owner(tag)` for the tag of its number. */
export interface KeyRouting {
  readonly tagCount: number;
  /** Whether keys with this tag belong to the connection's node. */
  isMine(tag: number): boolean;
}

/**
 * What the connections of a process share of a keyspace: the numbers of keys made during the run.
 */
export class InsertCounter {
  readonly #base: number;
  readonly #first: number;
  readonly #stride: number;
  #made = 0;

  /** Workers take turns: worker `w` of `n` makes `base + w`, `base + w + n`, and so on. */
  constructor(base: number, worker = 0, workers = 1) {
    this.#base = base;
    this.#first = base + worker;
    this.#stride = workers;
  }

  next(): number {
    this.#made += 1;
    return this.#first + (this.#made - 1) * this.#stride;
  }

  /** One more than the highest number that exists for sure: the last `lag` may be on their way. */
  settled(lag: number): number {
    return Math.max(this.#first, this.end - lag * this.#stride);
  }

  /** The number, or the next lower one that is no other worker's: theirs may not be made yet. */
  known(number: number): number {
    if (number < this.#base) return number;
    if (number < this.#first) return this.#base - 1;
    return number - ((number - this.#first) % this.#stride);
  }

  /** One more than the highest number that was given out. */
  get end(): number {
    return this.#made === 0 ? this.#first : this.#first + (this.#made - 1) * this.#stride + 1;
  }
}

const MAX_DRAWS = 100_000;
const NEW_KEY = -1;

export interface KeySourceOptions {
  readonly routing: KeyRouting | undefined;
  readonly start: number;
  /** Operations that all connections together may have sent without a reply. */
  readonly inFlight: number;
}

export class KeySource {
  readonly #keyspace: Keyspace;
  readonly #random: Random;
  readonly #keys: Sampler;
  readonly #members: Sampler;
  readonly #inserts: InsertCounter;
  readonly #routing: KeyRouting | undefined;
  /** How far behind a key one lies that is never made, with the same tag. */
  readonly #toMissing: number;
  #newMember = 0;
  /** Tag that the rest of the command's keys must share; -1 before its first key. */
  #tag = -1;
  lastKey = 0;
  #lastMember = 0;

  constructor(
    keyspace: Keyspace,
    random: Random,
    inserts: InsertCounter,
    { routing, start, inFlight }: KeySourceOptions,
  ) {
    this.#keyspace = keyspace;
    this.#random = random;
    this.#inserts = inserts;
    this.#routing = routing;
    const tags = routing?.tagCount ?? 1;
    this.#toMissing = Math.ceil(keyspace.keyCount / tags) * tags;
    const newest = (): number => inserts.settled(inFlight);
    const { distribution, keyCount } = keyspace;
    const keys = openSampler(distribution, keyCount, random, { start, newest });
    this.#keys = distribution.kind === "latest" ? { next: () => inserts.known(keys.next()) } : keys;
    this.#members = openSampler(keyspace.memberDistribution, keyspace.memberCount, random);
  }

  /** Before each operation: its keys may then lie on any slot of the node again. */
  beginOperation(): void {
    this.#tag = -1;
  }

  draw(source: NumberSource): number {
    switch (source) {
      case "key":
        return this.#key(0);
      case "lookup": {
        const { hitRatio } = this.#keyspace;
        // Keys behind the last one are never made: lookups of them miss.
        return this.#key(hitRatio >= 1 || this.#random.unit() < hitRatio ? 0 : this.#toMissing);
      }
      case "newkey":
        return this.#key(NEW_KEY);
      case "samekey":
        return this.lastKey;
      case "member":
        this.#lastMember = this.#members.next();
        return this.#lastMember;
      case "newmember": {
        this.#lastMember = this.#newMember;
        this.#newMember =
          this.#newMember + 1 >= this.#keyspace.memberCount ? 0 : this.#newMember + 1;
        return this.#lastMember;
      }
      case "samemember":
        return this.#lastMember;
      case "score":
        return this.#random.below(1_000_000);
      case "now":
        return stampOf(performance.now());
    }
  }

  /**
   * `draw` for each of `count` operations, where that is quicker at once: most workloads ask for
   * nothing but a key. False where it is not, and nothing was drawn.
   */
  drawAtOnce(source: NumberSource, count: number, numbers: Float64Array): boolean {
    const isKey = source === "key" || (source === "lookup" && this.#keyspace.hitRatio >= 1);
    if (!isKey || this.#routing !== undefined || this.#keys.fill === undefined) return false;
    this.#keys.fill(count, numbers);
    this.lastKey = numbers[count - 1] ?? this.lastKey;
    return true;
  }

  /** No closures here and below: this runs for each command. */
  #key(offset: number): number {
    this.lastKey = this.#routing === undefined ? this.#any(offset) : this.#mine(offset);
    return this.lastKey;
  }

  #any(offset: number): number {
    return offset === NEW_KEY ? this.#inserts.next() : this.#keys.next() + offset;
  }

  /** Draws until the node of this connection owns the key, and the command's other keys with it. */
  #mine(offset: number): number {
    const routing = this.#routing;
    const tagCount = routing?.tagCount ?? 1;
    for (let round = 0; round < MAX_DRAWS; round++) {
      const number = this.#any(offset);
      const tag = number % tagCount;
      if (this.#tag >= 0) {
        // The number next to it whose tag fits: a multi-key command has one slot.
        const fitting = number - tag + this.#tag;
        return fitting < this.#keyspace.keyCount || number >= this.#keyspace.keyCount
          ? fitting
          : this.#tag;
      }
      if (routing?.isMine(tag) === false) continue;
      this.#tag = tag;
      return number;
    }
    // The cluster has changed under us: the command is sent, and its MOVED is counted.
    return this.#any(offset);
  }
}
