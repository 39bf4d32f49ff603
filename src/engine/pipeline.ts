/**
 * Keeps the writer fed: entries are decoded two or three groups ahead, in parallel, and applied in
 * log order. Small batches that arrive while others are being worked on share one group, so the
 * cost of a group is paid once for many requests.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { diskErrorCode } from "../core/disk.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type Batch, type Staged } from "../decode/batch.ts";
import { type BodyFormat, type EntryHeader } from "../log/entry.ts";
import { LINE_PROTOCOL } from "../plan/line-protocol.ts";
import { type Outcome } from "./outcome.ts";

/** An entry between the log and the tables. */
export interface Pending {
  readonly position: number;
  readonly header: EntryHeader;
  readonly body: Uint8Array;
  /** Resolves when the entry is on disk. */
  readonly durable: Promise<void>;
  readonly settle: (outcome: Outcome | null) => void;
  /** Takes what a stage answers to a command, before `settle`. */
  readonly answer?: (value: unknown) => void;
  readonly fail: (error: Error) => void;
}

/** Consecutive entries that become visible in one transaction. */
export interface Group {
  readonly entries: readonly Pending[];
  /** One staged table a dataset; none for ticks and controls. */
  readonly staged: readonly Staged[];
}

export interface PipelineSteps {
  /** One batch a dataset, several only for a body that has rows of several. */
  batchesOf(entry: Pick<Pending, "position" | "header" | "body">): readonly Batch[];
  /** Stages the batches of one dataset, which are consecutive within it. */
  decode(dataset: string, batches: readonly Batch[]): Promise<Staged>;
  /**
   * The set of datasets whose rows must be applied in log order with those of this one; null where
   * the order between datasets says nothing.
   */
  orderOf(dataset: string): string | null;
  /** Applies a group; its outcomes come in the order of its entries. Failing stops the pipeline. */
  apply(group: Group): Promise<readonly (Outcome | null)[]>;
}

/** Groups that are decoded or wait to be applied. More would only hold more memory. */
const MAX_GROUPS_AHEAD = 3;
/**
 * Bodies up to this size are decoded in no time: they are left to gather while others are applied.
 */
const TINY_BODY_BYTES = 16 * 1024;
/** Bodies up to this size may share a group. */
const SMALL_BODY_BYTES = 256 * 1024;
const MAX_GROUP_BYTES = 4 * 1024 * 1024;
const MAX_GROUP_ENTRIES = 4096;
/** How often a full disk is tried again. */
const ROOM_LOOK_MS = 200;
const FULL_DISK: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

export class Pipeline {
  readonly #steps: PipelineSteps;
  readonly #queue: Pending[] = [];
  readonly #ahead: { readonly entries: readonly Pending[]; readonly group: Promise<Group> }[] = [];
  #isApplying = false;
  #isClosing = false;
  #isWaitingForRoom = false;
  #failure: Error | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(steps: PipelineSteps) {
    this.#steps = steps;
  }

  /** Bounded by the caller, who counts the bytes that were accepted and not yet settled. */
  push(entry: Pending): void {
    if (this.#failure !== undefined) {
      entry.fail(this.#failure);
      return;
    }
    this.#queue.push(entry);
    this.#pump();
  }

  /** What is in the log cannot be applied before the disk has room again. */
  get isWaitingForRoom(): boolean {
    return this.#isWaitingForRoom;
  }

  /** What is pushed now is applied at once. */
  get isIdle(): boolean {
    return this.#isIdle();
  }

  get depth(): number {
    return this.#queue.length;
  }

  /** Resolves when everything that was pushed is applied, or the pipeline has failed. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#ahead.length === 0 && !this.#isApplying;
  }

  #pump(): void {
    while (
      this.#queue.length > 0 &&
      this.#ahead.length < this.#maxAhead() &&
      this.#failure === undefined
    ) {
      const entries = this.#takeGroup();
      const group = this.#decode(entries);
      group.catch(() => undefined);
      this.#ahead.push({ entries, group });
    }
    if (!this.#isApplying && this.#ahead.length > 0) void this.#applyAll();
    if (this.#isIdle()) {
      for (const resolve of this.#whenIdle) resolve();
      this.#whenIdle = [];
    }
  }

  /** A group that is formed early is a small group, and a group costs the same for one or many. */
  #maxAhead(): number {
    const next = this.#queue[0];
    const isTiny = next !== undefined && next.body.length <= TINY_BODY_BYTES;
    return isTiny && sharingKind(next) !== null ? 1 : MAX_GROUPS_AHEAD;
  }

  /**
   * The longest run of entries that keeps every dataset's rows in log order in one stage table
   * each.
   */
  #takeGroup(): readonly Pending[] {
    const kinds = new Map<string, string>();
    const newest = new Map<string, string>();
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      const kind = sharingKind(entry);
      if (kind === null) {
        if (count === 0) count = 1;
        break;
      }
      const dataset = kind.dataset;
      // A body of line protocol may have rows of any dataset: such bodies keep to themselves.
      if (count > 0 && (dataset === LINE_PROTOCOL) !== kinds.has(LINE_PROTOCOL)) break;
      if (kinds.has(dataset) && kinds.get(dataset) !== kind.source) break;
      // A dataset's rows are applied together, before those of the next one: it cannot come again.
      const order = this.#steps.orderOf(dataset);
      if (order !== null) {
        if (dataset === LINE_PROTOCOL && count > 0) break;
        if (kinds.has(dataset) && newest.get(order) !== dataset) break;
        newest.set(order, dataset);
      }
      bytes += entry.body.length;
      if (count > 0 && (bytes > MAX_GROUP_BYTES || count >= MAX_GROUP_ENTRIES)) break;
      kinds.set(dataset, kind.source);
      count++;
      if (entry.header.kind === "batch" && entry.header.endsGroup === true) break;
    }
    return this.#queue.splice(0, count);
  }

  async #decode(entries: readonly Pending[]): Promise<Group> {
    const byDataset = new Map<string, Batch[]>();
    for (const { header, position, body } of entries) {
      for (const batch of this.#steps.batchesOf({ header, position, body })) {
        const batches = byDataset.get(batch.header.dataset) ?? [];
        batches.push(batch);
        byDataset.set(batch.header.dataset, batches);
      }
    }
    const results = await Promise.allSettled(
      [...byDataset].map(([dataset, batches]) => this.#steps.decode(dataset, batches)),
    );
    const staged = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = results.find((one) => one.status === "rejected");
    if (failed === undefined) return { entries, staged };
    for (const one of staged) await one[Symbol.asyncDispose]();
    throw failed.reason;
  }

  /**
   * Decoding Parquet writes staging files, which a full disk has no room for. What is in the log
   * already has to be applied all the same, and before everything after it: it waits until there is
   * room.
   */
  async #decoded(all: readonly Pending[], first: Promise<Group>): Promise<Group> {
    let entries = all;
    let group = first;
    for (;;) {
      try {
        const decoded = await group;
        this.#isWaitingForRoom = false;
        return decoded;
      } catch (error) {
        this.#isWaitingForRoom = isFullDisk(error);
        if (!this.#isWaitingForRoom) throw error;
      }
      // The log has told the senders of most that come now that there is no room.
      entries = await withoutLost(entries);
      if (entries.length > 0) {
        if (this.#isClosing) throw new KurobeError("KRB_CORE_CLOSED", "the disk is full");
        await sleep(ROOM_LOOK_MS);
      }
      group = this.#decode(entries);
    }
  }

  async #applyAll(): Promise<void> {
    this.#isApplying = true;
    try {
      for (let next = this.#ahead[0]; next !== undefined; next = this.#ahead[0]) {
        await this.#applyOne(await this.#decoded(next.entries, next.group));
        this.#ahead.shift();
        this.#pump();
      }
    } catch (error) {
      this.#fail(asError(error));
    } finally {
      this.#isApplying = false;
      this.#pump();
    }
  }

  async #applyOne(decoded: Group): Promise<void> {
    const group = await this.#withoutLost(decoded);
    const outcomes = await this.#steps.apply(group);
    for (const [index, entry] of group.entries.entries()) entry.settle(outcomes[index] ?? null);
    for (const staged of group.staged) await staged[Symbol.asyncDispose]();
  }

  /**
   * Entries that the log could not write never happened: their senders know, and the rest goes on.
   */
  async #withoutLost(group: Group): Promise<Group> {
    const entries = await withoutLost(group.entries);
    if (entries.length === group.entries.length) return group;
    for (const staged of group.staged) await staged[Symbol.asyncDispose]();
    return this.#decoded(entries, this.#decode(entries));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#queue.splice(0);
    const ahead = this.#ahead.splice(0);
    for (const entry of waiting) entry.fail(error);
    for (const { entries } of ahead) for (const entry of entries) entry.fail(error);
  }

  /** Nothing is taken any more; what is under way ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.idle();
    this.#failure ??= new KurobeError("KRB_CORE_CLOSED", "the engine is closed");
  }
}

/** Fails the entries that the log could not write, and gives the others. */
async function withoutLost(entries: readonly Pending[]): Promise<readonly Pending[]> {
  const results = await Promise.allSettled(entries.map((entry) => entry.durable));
  for (const [index, result] of results.entries()) {
    if (result.status === "rejected") entries[index]?.fail(asError(result.reason));
  }
  return entries.filter((_, index) => results[index]?.status === "fulfilled");
}

/** Their rows can lie one behind the other in the same columns. */
const SHARING_FORMATS: ReadonlySet<BodyFormat> = new Set(["ndjson", "json", "lineprotocol"]);

/** Null: the entry stands alone. */
function sharingKind(entry: Pending): { dataset: string; source: string } | null {
  const { header, body } = entry;
  if (header.kind !== "batch" || body.length > SMALL_BODY_BYTES) return null;
  if (!SHARING_FORMATS.has(header.format)) return null;
  // What a replay publishes counts revisions entry by entry, so entries must not share a group.
  if (header.replay !== undefined) return null;
  return { dataset: header.dataset, source: header.producer };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Also for an error that says so of another one, or of a file that DuckDB wrote. */
export function isFullDisk(error: unknown): boolean {
  if (FULL_DISK.has(diskErrorCode(error))) return true;
  if (isKurobeError(error) && FULL_DISK.has(String(error.details["systemCode"]))) return true;
  return error instanceof Error && error.cause !== undefined && isFullDisk(error.cause);
}
