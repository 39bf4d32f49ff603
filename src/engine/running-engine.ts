/**
 * The engine at work: the log feeds the pipeline, the pipeline the writer, the checkpointer
 * follows.
 */
import { type Clock } from "../core/clock.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type Lifetime } from "../core/lifetime.ts";
import { sql } from "../core/sql.ts";
import { type Decoder } from "../decode/decoder.ts";
import { type LineProtocolReader } from "../decode/line-protocol/line-body.ts";
import { type BodyFormat, type EntryHeader } from "../log/entry.ts";
import { type Log } from "../log/log.ts";
import { type Plan } from "../plan/plan.ts";
import { type Change, type ChangePage, type ChangesWanted } from "./changes.ts";
import { type Checkpointer, type CheckpointRecord } from "./checkpointer.ts";
import { type CheckpointStore } from "./checkpoint-store.ts";
import { batchesOf, type Control, encodeControl, orderIn, stageBatches } from "./control.ts";
import { type Counters } from "./counters.ts";
import { type Cursors } from "./cursors.ts";
import {
  type BatchHeader,
  type CommitListener,
  type DeadLetter,
  type Engine,
  type EngineRelations,
  type EngineStatus,
} from "./engine.ts";
import { engineStatus } from "./engine-status.ts";
import { type Exported, type ExportOptions } from "./export.ts";
import { type CheckpointHistory, type Commits } from "./history.ts";
import { LogRoom } from "./log-room.ts";
import { type Outcome } from "./outcome.ts";
import { type Group, isFullDisk, Pipeline } from "./pipeline.ts";
import { type TableReading } from "./reading.ts";
import { type Stage } from "./stage.ts";
import { deadLettersOf } from "./stored-tables.ts";
import { type Table } from "./table.ts";
import { type Writer } from "./writer.ts";

export interface EngineSettings {
  /** A checkpoint at least so often while rows come in. */
  readonly checkpointIntervalMs: number;
  /** A checkpoint when so many bytes of bodies lie in memory tables. */
  readonly memoryTableBytes: number;
}

/** What the engine's clock needs to know of the stages. */
export interface Ticking {
  nextTickUs(): bigint | null;
  watermarkUs(dataset: string): bigint | null;
  readonly hasNewWindows: boolean;
  /** What has just been applied waits for a tick, and somebody for what becomes of it. */
  readonly isHurried: boolean;
}

export interface EngineParts {
  readonly plan: Plan;
  readonly settings: EngineSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly decoder: Decoder;
  readonly lines: LineProtocolReader;
  readonly writer: Writer;
  readonly checkpointer: Checkpointer;
  readonly store: CheckpointStore;
  readonly tables: ReadonlyMap<string, Table>;
  readonly counters: Counters;
  readonly cursors: Cursors;
  readonly stages: readonly Stage[];
  readonly ticking: Ticking;
  readonly reading: TableReading;
  readonly relations: EngineRelations;
  readonly records: CheckpointHistory;
  readonly commits: Commits;
  readonly recovered: EngineStatus["recovered"];
  readonly lifetime: Lifetime;
}

/** How often the engine looks whether a checkpoint or a tick is due. */
const HEARTBEAT_MS = 250;
/** Letters that one retry takes out of the table at a time. */
const LETTERS_A_RETRY = 10_000;

export class RunningEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #pipeline: Pipeline;
  readonly #heartbeat: NodeJS.Timeout;
  #state: EngineStatus["state"] = "running";
  readonly #logRoom: LogRoom;
  /** The last checkpoint could not be. */
  #isCheckpointFull = false;
  #lastFreezeMs: number;
  #lastPosition: number;
  #isTicking = false;
  #fail: (error: Error) => void = () => undefined;
  readonly failed: Promise<never>;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#logRoom = new LogRoom({
      freeBytes: () => parts.log.freeBytes(),
      write: () => this.tick(),
    });
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
    this.#lastFreezeMs = parts.clock.monotonicMs();
    this.#lastPosition = parts.writer.appliedPosition;
    this.#pipeline = new Pipeline({
      batchesOf: (entry) => batchesOf(entry, parts.lines),
      orderOf: orderIn(this.plan),
      decode: (name, batches) => stageBatches(this.plan, parts.decoder, name, batches),
      apply: async (group) => {
        await this.#makeRoom();
        const outcomes = await parts.writer.apply(group);
        // A tick that leaves news is not followed by another one before the next beat.
        if (parts.ticking.isHurried && !isTick(group)) this.#tickOnce(parts.clock.nowUs());
        return outcomes;
      },
    });
    if (parts.ticking.hasNewWindows) void this.#tick(parts.clock.nowUs());
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  get plan(): Plan {
    return this.#parts.plan;
  }

  get logId(): string {
    return this.#parts.log.logId;
  }

  get relations(): EngineRelations {
    return this.#parts.relations;
  }

  submit(header: BatchHeader, body: Uint8Array): { position: number; outcome: Promise<Outcome> } {
    const receivedAtUs = this.#parts.clock.nowUs();
    // It would be applied alone in any case. Under load, entries share their groups and a tick.
    const isAlone = this.#pipeline.isIdle && this.plan.alerts.length > 0;
    const entry = { kind: "batch", receivedAtUs, ...header } as const;
    const { position, settled } = this.#append(
      isAlone ? { ...entry, endsGroup: true } : entry,
      body,
    );
    const outcome = settled.then((result) => {
      if (result === null)
        throw new KurobeError("KRB_CORE_ASSERTION", `batch ${position} has no outcome`);
      return result;
    });
    return { position, outcome };
  }

  #append(
    header: EntryHeader,
    body: Uint8Array,
    answer?: (value: unknown) => void,
  ): { position: number; settled: Promise<Outcome | null> } {
    if (this.#state !== "running") {
      throw new KurobeError(
        "KRB_ENGINE_FAILED",
        `the engine has ${this.#state === "failed" ? "failed" : "stopped"}`,
      );
    }
    const { position, durable } = this.#parts.log.append(header, [body]);
    durable.catch(() => undefined);
    const settled = new Promise<Outcome | null>((settle, reject) => {
      this.#pipeline.push({
        position,
        header,
        body,
        durable,
        settle,
        ...(answer === undefined ? {} : { answer }),
        fail: (error) => {
          reject(error);
          if (isKurobeError(error, "KRB_LOG_DISK_FULL")) this.#logRoom.refused(body.length);
          if (!isKurobeError(error, "KRB_LOG_DISK_FULL") && !isKurobeError(error, "KRB_LOG_WRITE"))
            this.#stop(error);
        },
      });
    });
    settled.then(
      () => this.#logRoom.written(body.length),
      () => undefined,
    );
    return { position, settled };
  }

  #stop(error: Error): void {
    if (this.#state !== "running") return;
    this.#state = "failed";
    this.#fail(error);
  }

  /** Memory tables are full: the writer waits for a checkpoint that runs, or starts one. */
  async #makeRoom(): Promise<void> {
    const { writer, checkpointer, settings } = this.#parts;
    if (writer.bytesSinceFreeze < settings.memoryTableBytes) return;
    if (!checkpointer.isRunning) {
      this.#checkpointSoon("memory");
      return;
    }
    // One generation is being written down and the next one is full too.
    await checkpointer.idle();
  }

  #beat(): void {
    const { clock, settings, writer, ticking, checkpointer } = this.#parts;
    if (this.#state !== "running") return;
    const dueUs = ticking.nextTickUs();
    const nowUs = clock.nowUs();
    // Also while rows come in without a pause: early results of windows wait for ticks.
    if (dueUs !== null && nowUs >= dueUs) this.#tickOnce(nowUs);
    void this.#logRoom.tryAgain();
    const isDue = clock.monotonicMs() - this.#lastFreezeMs >= settings.checkpointIntervalMs;
    const hasNews = writer.appliedPosition > this.#lastPosition;
    if (isDue && hasNews && !checkpointer.isRunning) this.#checkpointSoon("interval");
    if (!hasNews && this.#pipeline.depth === 0) void this.#rollIdleLog();
  }

  /** Where nothing comes any more, the log would keep for ever what checkpoints hold. */
  async #rollIdleLog(): Promise<void> {
    const { log, store } = this.#parts;
    try {
      const { segments } = log.stats();
      await log.rollIfOld();
      if (log.stats().segments > segments) await log.retainFrom(store.replayFrom);
    } catch {
      // The next append meets the same disk, and its sender is told.
    }
  }

  async tick(): Promise<void> {
    await this.#tick(this.#parts.clock.nowUs());
  }

  /** Unless one is on its way. What fails is tried again at the next beat. */
  #tickOnce(nowUs: bigint): void {
    if (this.#isTicking || this.#state !== "running") return;
    this.#isTicking = true;
    void this.#tick(nowUs)
      .catch(() => undefined)
      .finally(() => (this.#isTicking = false));
  }

  #tick(receivedAtUs: bigint): Promise<unknown> {
    return this.#append({ kind: "tick", receivedAtUs }, new Uint8Array(0)).settled;
  }

  #checkpointSoon(reason: string): void {
    this.checkpoint(reason).catch((error: unknown) => {
      // The log still holds everything: a full disk may pass. What cannot pass stops the engine.
      if (isKurobeError(error) && error.entry.domain === "internal") this.#stop(error);
    });
  }

  async checkpoint(reason: string): Promise<CheckpointRecord> {
    const { checkpointer, clock, writer } = this.#parts;
    const before = this.#lastPosition;
    this.#lastFreezeMs = clock.monotonicMs();
    this.#lastPosition = writer.appliedPosition;
    const record = await checkpointer.checkpoint(reason).catch((error: unknown) => {
      this.#isCheckpointFull = isFullDisk(error);
      // The next one is due without another entry.
      this.#lastPosition = before;
      throw error;
    });
    this.#isCheckpointFull = false;
    void checkpointer.merge().catch((error: unknown) => {
      if (isKurobeError(error) && error.entry.domain === "internal") this.#stop(error);
    });
    return record;
  }

  checkpoints(): readonly CheckpointRecord[] {
    return this.#parts.records.all.toReversed();
  }

  onCommit(listener: CommitListener): () => void {
    return this.#parts.commits.listen(listener);
  }

  async command(stage: string, command: unknown): Promise<unknown> {
    let answer: unknown;
    const take = (given: unknown): void => {
      answer = given;
    };
    await this.#control({ kind: "stage", stage, command }, take);
    return answer;
  }

  async changes(
    table: string,
    { afterSeq, limit }: { readonly afterSeq: number; readonly limit: number },
  ): Promise<readonly Change[]> {
    const wanted = { afterSeq, throughSeq: this.lastSeq(table), limit, characters: Infinity };
    return (await this.changePage(table, wanted)).changes;
  }

  changePage(table: string, wanted: ChangesWanted): Promise<ChangePage> {
    return this.#parts.reading.changes(table, wanted);
  }

  lastSeq(table: string): number {
    return (this.#parts.tables.get(table)?.nextSeq ?? 1) - 1;
  }

  exportSettled(table: string, options: ExportOptions): Promise<Exported | null> {
    return this.#parts.reading.exportSettled(table, options);
  }

  async deadLetters(dataset: string, { limit }: { limit: number }): Promise<readonly DeadLetter[]> {
    return this.#letters(dataset, null, limit);
  }

  async #letters(
    dataset: string,
    ids: readonly number[] | null,
    limit: number,
  ): Promise<readonly DeadLetter[]> {
    const name = deadLettersOf(dataset);
    const chosen =
      ids === null
        ? sql.empty
        : sql`WHERE id IN (SELECT unnest([${sql.join(ids.map((id) => sql.literal(id)))}]))`;
    const rows = await this.#parts.writer.exclusive((connection) =>
      connection.rows<Record<string, unknown>>(
        sql`SELECT id, epoch_us(received_at) AS at, position, line, "column", reason, format, raw
              FROM rows.${sql.id(name)} ${chosen} ORDER BY received_at, id LIMIT ${sql.literal(limit)}`,
      ),
    );
    return rows.map((row) => ({
      id: Number(row["id"]),
      receivedAtUs: row["at"] as bigint,
      position: Number(row["position"]),
      line: Number(row["line"]),
      column: row["column"] === null ? null : Number(row["column"]),
      reason: String(row["reason"]),
      format: row["format"] as BodyFormat,
      raw: String(row["raw"]),
    }));
  }

  async retryDeadLetters(
    dataset: string,
    ids: readonly number[] | null,
  ): Promise<{ retried: number; accepted: number; rejected: number; duplicates: number }> {
    const total = { retried: 0, accepted: 0, rejected: 0, duplicates: 0 };
    const letters = await this.#letters(dataset, ids, LETTERS_A_RETRY);
    for (const control of retryControls(dataset, letters)) {
      const outcome = await this.#control(control);
      total.retried += control.ids.length;
      if (outcome?.kind === "applied") {
        total.accepted += outcome.accepted;
        total.rejected += outcome.rejected;
        total.duplicates += outcome.duplicates;
      }
    }
    return total;
  }

  async purgeDeadLetters(
    dataset: string,
    ids: readonly number[] | null,
  ): Promise<{ purged: number }> {
    const letters = await this.#letters(dataset, ids, Number.MAX_SAFE_INTEGER);
    if (letters.length === 0) return { purged: 0 };
    await this.#control({
      kind: "purge_dead_letters",
      dataset,
      ids: ids ?? letters.map((one) => one.id),
    });
    return { purged: letters.length };
  }

  cursors(source: string): ReadonlyMap<string, string> {
    return this.#parts.cursors.of(source);
  }

  async forgetCursors(source: string, keys: readonly string[]): Promise<void> {
    await this.#control({ kind: "forget_cursors", source, keys });
  }

  #control(control: Control, answer?: (value: unknown) => void): Promise<Outcome | null> {
    const header = { kind: "control", receivedAtUs: this.#parts.clock.nowUs() } as const;
    return this.#append(header, encodeControl(control), answer).settled;
  }

  status(): EngineStatus {
    return engineStatus(this.#parts, {
      state: this.#state,
      queuedEntries: this.#pipeline.depth,
      diskFull: this.#logRoom.isFull || this.#isCheckpointFull || this.#pipeline.isWaitingForRoom,
    });
  }

  /** What was accepted is applied; memory stays in the log, so nothing has to be written down. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    clearInterval(this.#heartbeat);
    if (this.#state === "running") {
      this.#state = "closed";
      await this.#pipeline.close();
    }
    this.#state = "closed";
    await this.#parts.checkpointer.idle();
    await this.#parts.writer.idle();
    await this.#parts.lifetime[Symbol.asyncDispose]();
  }
}

function isTick({ entries }: Group): boolean {
  return entries.every((one) => one.header.kind === "tick");
}

/**
 * Letters of one kind of text share a control; CSV letters carry their header, so it must be the
 * same.
 */
function retryControls(
  dataset: string,
  letters: readonly DeadLetter[],
): readonly Extract<Control, { kind: "retry_dead_letters" }>[] {
  const groups = new Map<string, DeadLetter[]>();
  for (const letter of letters) {
    const header = letter.format === "csv" ? (letter.raw.split("\n")[0] ?? "") : "";
    const name = `${letter.format}\n${header}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [letter]);
    else group.push(letter);
  }
  return [...groups].map(([name, group]) => {
    const format = group[0]?.format ?? "ndjson";
    const header = name.slice(name.indexOf("\n") + 1);
    const lines = group.map((letter) =>
      format === "csv" ? letter.raw.slice(header.length + 1) : letter.raw,
    );
    const text = [...(format === "csv" ? [header] : []), ...lines].join("\n");
    return { kind: "retry_dead_letters", dataset, ids: group.map((one) => one.id), format, text };
  });
}
