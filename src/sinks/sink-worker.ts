/** Brings the rows of one sink to its receiver, in order per key, for as long as it takes. */
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type Engine } from "../engine/engine.ts";
import { type SinkPlan } from "../plan/plan.ts";
import { backOffMs } from "./back-off.ts";
import { type Delivery, deliveryRules } from "./delivery.ts";
import { type Destination, needsRepair, waitOf } from "./destination.ts";
import { type FileSink } from "./file-sink.ts";
import { type Outbox } from "./outbox.ts";
import { type Page, PageReader } from "./page-reader.ts";
import { type DeliveredCounts, PageProgress } from "./page-progress.ts";

export interface SinkStatus {
  readonly name: string;
  readonly kind: string;
  readonly from: string;
  /**
   * `idle`: everything is delivered. `retrying`: the receiver fails, and is tried again. `blocked`:
   * it refuses a delivery, or its table or login does not fit.
   */
  readonly state: "idle" | "delivering" | "retrying" | "blocked" | "paused";
  /** Rows that wait. */
  readonly lagRows: number;
  /** Since the receiver last had everything, in milliseconds; 0 when it has. */
  readonly lagMs: number;
  readonly delivered: number;
  readonly skipped: number;
  /** Since the process started. */
  readonly failures: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
}

export interface SinkWorkerDeps {
  readonly engine: Pick<Engine, "plan" | "changePage" | "relations">;
  readonly outbox: Outbox;
  readonly destination: Destination | FileSink;
  readonly monotonicMs: () => number;
  readonly random: () => number;
  /** Called when the state becomes, or stops being, one that a person should know of. */
  readonly onTrouble: (status: SinkStatus) => void;
}

/** Rows that are read at once, at most. */
const MIN_PAGE_ROWS = 1_000;
const MAX_PAGE_ROWS = 10_000;
/** Batches of each lane that one page has: its end, where lanes wait for each other, is rare. */
const BATCHES_A_PAGE = 16;
const STOP_MS = 3_000;
/** How often a sink of files looks for a checkpoint that holds more. */
const CHECKPOINT_LOOK_MS = 500;

export class SinkWorker {
  readonly sink: SinkPlan;
  readonly #deps: SinkWorkerDeps;
  /** Null for files, which are written out of what a checkpoint holds. */
  readonly #reader: PageReader | null;
  readonly #ending = new AbortController();
  #wakers = new Set<() => void>();
  #state: SinkStatus["state"] = "idle";
  #failures = 0;
  #lastError: SinkStatus["lastError"] = null;
  #isStopping = false;
  #isRecovered = false;
  #fileTries = 0;
  #behindSinceMs: number | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(sink: SinkPlan, deps: SinkWorkerDeps) {
    this.sink = sink;
    this.#deps = deps;
    const relation = deps.engine.relations.planOf(sink.from);
    if (relation === undefined)
      throw new KurobeError("KRB_CORE_ASSERTION", `no relation ${sink.from} for ${sink.name}`);
    const { engine, outbox, destination } = deps;
    const rules = deliveryRules(engine.plan, sink, relation, outbox.epochOf(sink.from));
    this.#reader =
      destination.kind === "rows"
        ? new PageReader({ engine, relation: sink.from, rules, maxRows: pageRows(destination) })
        : null;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something has changed: rows came, or a person wants it tried again at once. */
  wake(): void {
    const wakers = this.#wakers;
    this.#wakers = new Set();
    for (const resume of wakers) resume();
  }

  /** Rows came; a receiver that fails is not asked more often because of them. */
  rowsCame(): void {
    if (this.#state === "idle") this.wake();
  }

  /** What is on its way may arrive; a receiver that is slow is not waited for long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.wake();
    const timer = setTimeout(() => this.#ending.abort(), STOP_MS);
    await this.#running;
    clearTimeout(timer);
    const { destination } = this.#deps;
    if (destination.kind === "rows") await destination[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      if (this.#deps.outbox.cursorOf(this.sink.name).isPaused) {
        this.#reader?.forget();
        await this.#restUntilWoken("paused");
        continue;
      }
      if (this.#lagRows() === 0) {
        this.#behindSinceMs = null;
        await this.#restUntilWoken("idle");
        continue;
      }
      this.#behindSinceMs ??= this.#deps.monotonicMs();
      this.#dropOldest();
      const { destination } = this.#deps;
      if (destination.kind === "rows") await this.#page(destination);
      else await this.#files(destination);
    }
  }

  async #restUntilWoken(state: "idle" | "paused"): Promise<void> {
    this.#enter(state);
    // Rows may have come between the look and the rest.
    if (state === "idle" && this.#lagRows() > 0) return;
    await this.#sleep(null);
  }

  #lagRows(): number {
    const { outbox } = this.#deps;
    const { deliveredSeq } = outbox.cursorOf(this.sink.name);
    return Math.max(0, outbox.endSeqOf(this.sink.from) - 1 - deliveredSeq);
  }

  async #files(files: FileSink): Promise<void> {
    const { outbox } = this.#deps;
    const { name } = this.sink;
    try {
      if (!this.#isRecovered) await this.#recover(files);
      const exported = await files.deliver(outbox.cursorOf(name).deliveredSeq);
      this.#fileTries = 0;
      if (exported === null) {
        this.#enter("idle");
        await this.#sleep(CHECKPOINT_LOOK_MS);
        return;
      }
      this.#enter("delivering");
      outbox.advance(name, exported.throughSeq, { delivered: exported.rows });
    } catch (error) {
      this.#fileTries += 1;
      await this.#failed(error, this.#fileTries);
    }
  }

  /** What lies in files already is not written again, whatever the log knows of it. */
  async #recover(files: FileSink): Promise<void> {
    const { outbox } = this.#deps;
    const heldSeq = await files.recover();
    if (heldSeq >= outbox.endSeqOf(this.sink.from)) {
      throw new KurobeError(
        "KRB_SINKS_REJECTED",
        `the files of sink ${this.sink.name} have rows that this data directory does not have`,
        { hint: "After going back to an older state, give the sink a directory of its own." },
      );
    }
    outbox.advance(this.sink.name, heldSeq, {});
    this.#isRecovered = true;
  }

  async #page(destination: Destination): Promise<void> {
    const { outbox } = this.#deps;
    if (this.#reader === null || !(await this.#turn(destination))) return;
    let page: Page;
    try {
      const { deliveredSeq } = outbox.cursorOf(this.sink.name);
      page = await this.#reader.read(deliveredSeq, outbox.endSeqOf(this.sink.from));
    } catch (error) {
      await this.#failed(error, 1);
      return;
    }
    // What comes while a pace is kept to is part of the next message: that is read late.
    if (destination.pace === undefined)
      this.#reader.readAhead(page.throughSeq, outbox.endSeqOf(this.sink.from));
    const advance = (seq: number, counts: DeliveredCounts): void =>
      outbox.advance(this.sink.name, seq, counts);
    if (page.deliveries.length === 0) {
      // Numbers without rows, or rows that nobody is told of.
      advance(page.throughSeq, { delivered: 0, skipped: 0 });
      return;
    }
    const progress = new PageProgress(page, advance);
    if (this.#state === "idle" || this.#state === "paused") this.#enter("delivering");
    const lanes = splitByLane(page.deliveries, destination.lanes);
    await Promise.all(lanes.map((lane) => this.#lane(destination, lane, progress)));
  }

  /** A backlog beyond its limit loses its oldest rows; they are counted. */
  #dropOldest(): void {
    const { outbox } = this.#deps;
    const { maxBacklog, name, from } = this.sink;
    const excess = maxBacklog === null ? 0 : this.#lagRows() - maxBacklog;
    if (excess <= 0) return;
    outbox.advance(name, outbox.endSeqOf(from) - 1 - (maxBacklog ?? 0), { skipped: excess });
  }

  async #lane(
    destination: Destination,
    lane: readonly Delivery[],
    progress: PageProgress,
  ): Promise<void> {
    const { batchRows } = destination;
    for (let start = 0; start < lane.length; start += batchRows) {
      const batch = lane.slice(start, start + batchRows);
      if (!(await this.#batch(destination, batch, progress))) return;
    }
  }

  /** False when the sink was stopped or paused before the receiver had them. */
  async #batch(
    destination: Destination,
    batch: readonly Delivery[],
    progress: PageProgress,
  ): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      if (this.#isHeld() || !(await this.#turn(destination))) return false;
      try {
        destination.pace?.took();
        await destination.deliver(batch, this.#ending.signal);
        this.#enter("delivering");
        progress.settle(batch, "delivered");
        return true;
      } catch (error) {
        if (isKurobeError(error, "KRB_SINKS_REJECTED")) {
          if (batch.length > 1 && destination.isOneMessage !== true)
            return await this.#halves(destination, batch, progress);
          if (this.sink.whenRejected === "skip") {
            this.#note(error);
            progress.settle(batch, "skipped");
            return true;
          }
        }
        await this.#failed(error, tries);
      }
    }
  }

  #isHeld(): boolean {
    return this.#isStopping || this.#deps.outbox.cursorOf(this.sink.name).isPaused;
  }

  /** Waits until the pace allows a message; false when the sink was stopped or paused before. */
  async #turn({ pace }: Destination): Promise<boolean> {
    for (let ms = pace?.dueInMs() ?? 0; ms > 0 && !this.#isHeld(); ms = pace?.dueInMs() ?? 0) {
      if (this.#state === "idle" || this.#state === "paused") this.#enter("delivering");
      await this.#sleep(ms);
    }
    return !this.#isHeld();
  }

  /** One wrong row among many: the others are not kept from the receiver because of it. */
  async #halves(
    destination: Destination,
    batch: readonly Delivery[],
    progress: PageProgress,
  ): Promise<boolean> {
    const middle = Math.ceil(batch.length / 2);
    const first = batch.slice(0, middle);
    if (!(await this.#batch(destination, first, progress))) return false;
    return await this.#batch(destination, batch.slice(middle), progress);
  }

  #note(error: unknown): void {
    this.#failures += 1;
    const code = isKurobeError(error) ? error.code : "KRB_CORE_ASSERTION";
    this.#lastError = { code, message: error instanceof Error ? error.message : String(error) };
  }

  async #failed(error: unknown, tries: number): Promise<void> {
    if (this.#isStopping) return;
    this.#note(error);
    const isRefused = isKurobeError(error) && needsRepair(error.code);
    this.#enter(isRefused ? "blocked" : "retrying");
    const { firstUs, maxUs } = this.sink.retry;
    const { random } = this.#deps;
    const waitMs = backOffMs(tries, { firstMs: firstUs / 1000, maxMs: maxUs / 1000, random });
    await this.#sleep(Math.max(waitMs, waitOf(error) ?? 0));
  }

  #enter(state: SinkStatus["state"]): void {
    const isTrouble = (one: SinkStatus["state"]): boolean =>
      one === "retrying" || one === "blocked";
    const before = this.#state;
    this.#state = state;
    if (isTrouble(before) !== isTrouble(state) || (before !== state && state === "blocked"))
      this.#deps.onTrouble(this.status());
  }

  /** Until somebody wakes it, or `ms` have passed; null: only until it is woken. */
  #sleep(ms: number | null): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === null ? undefined : setTimeout(done, ms);
      const wakers = this.#wakers;
      function done(): void {
        clearTimeout(timer);
        wakers.delete(done);
        resolve();
      }
      wakers.add(done);
    });
  }

  status(): SinkStatus {
    const { name, kind, from } = this.sink;
    const { delivered, skipped, isPaused } = this.#deps.outbox.cursorOf(name);
    const lagRows = this.#lagRows();
    const sinceMs = this.#behindSinceMs;
    return {
      name,
      kind,
      from,
      state: isPaused ? "paused" : this.#state,
      lagRows,
      lagMs: lagRows === 0 || sinceMs === null ? 0 : this.#deps.monotonicMs() - sinceMs,
      delivered,
      skipped,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }
}

/** Deliveries that have to keep their order share a lane. */
function splitByLane(deliveries: readonly Delivery[], lanes: number): readonly Delivery[][] {
  if (lanes === 1) return [[...deliveries]];
  const split: Delivery[][] = Array.from({ length: lanes }, () => []);
  for (const delivery of deliveries) {
    split[hashOf(delivery.lane) % lanes]?.push(delivery);
  }
  return split.filter((lane) => lane.length > 0);
}

/** FNV-1a: which lane it is matters to nobody, as long as it is the same for the same text. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
}

function pageRows({ batchRows, lanes }: Destination): number {
  return Math.min(MAX_PAGE_ROWS, Math.max(MIN_PAGE_ROWS, batchRows * lanes * BATCHES_A_PAGE));
}
