/** A stage that keeps streams right as batches arrive: rows that follow from other rows. */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows, type Stage } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type Plan, type StreamPlan, type WithinPlan } from "../plan/plan.ts";
import { lookupsOf, pairingOf, streamsInOrder } from "../plan/stream-plan.ts";
import { emit, type Emitted } from "./emit.ts";
import { correct } from "./correct.ts";
import { type BeforeSeq, isMatched, joined } from "./join-rows.ts";
import { batchRows, microseconds, withMet } from "./met.ts";
import { pairAll, pairWithStored } from "./pairs.ts";
import {
  advance,
  expire,
  NO_PROGRESS,
  type Progress,
  progressFromState,
  type ProgressState,
  progressToState,
} from "./watermark.ts";

interface StreamState {
  readonly datasets: Readonly<Record<string, ProgressState>>;
  /** Streams whose rows are those of all that is stored. */
  readonly ready: readonly string[];
}

export interface StreamStage extends Stage {
  /** Whether some stream has never looked at rows that are stored: a tick makes it catch up. */
  readonly hasNewStreams: boolean;
}

export function streamStage(plan: Plan): StreamStage {
  return new FollowingStage(plan);
}

class FollowingStage implements StreamStage {
  readonly name = "streams";
  readonly #plan: Plan;
  /** Each after those that it reads. */
  readonly #streams: readonly StreamPlan[];
  #progress = new Map<string, Progress>();
  #progressDraft = new Map<string, Progress>();
  #ready = new Set<string>();
  #readyDraft = new Set<string>();
  #derived: AppliedRows[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#streams = streamsInOrder(plan.streams);
  }

  async apply(tx: Transaction, rows: AppliedRows): Promise<readonly number[]> {
    if (this.#streams.length === 0) return [];
    await this.#catchUp(tx, rows.receivedAtUs, rows);
    const dataset = this.#dataset(rows.dataset);
    const before = this.#progressOf(dataset.name);
    const after = advance(before, dataset.watermark, {
      producer: rows.producer,
      minUs: rows.eventTimeUs.min,
      maxUs: rows.eventTimeUs.max,
      receivedAtUs: rows.receivedAtUs,
    });
    this.#progressDraft.set(dataset.name, after);
    const met = withMet(tx, dataset, rows, before, ["_seq"]);
    await this.#follow(tx, [{ ...rows, derived: { watermarkUs: after.watermarkUs, met } }]);
    return [];
  }

  async tick(tx: Transaction, receivedAtUs: bigint): Promise<void> {
    if (this.#streams.length === 0) return;
    await this.#catchUp(tx, receivedAtUs, null);
    for (const dataset of this.#plan.datasets) {
      const before = this.#progressOf(dataset.name);
      const after = expire(before, dataset.watermark, receivedAtUs);
      if (after === before) continue;
      this.#progressDraft.set(dataset.name, after);
      const { watermarkUs } = after;
      await this.#follow(tx, [timeOnly(tx, dataset.name, receivedAtUs, watermarkUs)]);
    }
  }

  /** Streams that are new to the project are computed from the rows that are already there. */
  async #catchUp(tx: Transaction, receivedAtUs: bigint, rows: AppliedRows | null): Promise<void> {
    for (const stream of this.#streams) {
      if (this.#isReady(stream.name)) continue;
      this.#readyDraft.add(stream.name);
      // Rows that are just coming in are followed by themselves.
      const beforeSeq = rows?.dataset === stream.from ? rows.firstSeq : tx.nextSeq(stream.from);
      const known: BeforeSeq = (name) => (rows?.dataset === name ? rows.firstSeq : undefined);
      const emitted = await this.#all(tx, stream, beforeSeq, known);
      const watermarkUs = this.#watermarkOf(stream.name);
      const time = timeOnly(tx, stream.name, receivedAtUs, watermarkUs);
      this.#derived.push({ ...time, ...applied(emitted, null) });
    }
  }

  /** The stream's rows of all that is stored. */
  async #all(
    tx: Transaction,
    stream: StreamPlan,
    beforeSeq: number,
    known: BeforeSeq,
  ): Promise<Emitted> {
    const pairing = pairingOf(stream);
    if (pairing !== undefined) return pairAll(tx, stream, pairing, known);
    const names = tx.table(stream.from).columnNames;
    const stored = sql`(SELECT ${listOf(names)}, row_number() OVER (ORDER BY _seq) - 1 AS _place
        FROM ${tx.relation(stream.from, { beforeSeq })} AS s)`;
    const rows = await joinedRows(tx, stream, stored, known);
    return emit(tx, stream, {
      rows,
      isThere: isMatched(stream),
      span: beforeSeq,
      repeats: "never",
    });
  }

  /** Carries rows on to all streams that follow from them. */
  async #follow(tx: Transaction, rows: readonly AppliedRows[]): Promise<void> {
    const all = [...rows];
    for (const stream of this.#streams) {
      for (const one of [...all]) {
        const pairing = pairingOf(stream);
        if (pairing !== undefined) all.push(...(await this.#paired(tx, stream, pairing, one)));
        else if (one.dataset === stream.from) all.push(await this.#next(tx, stream, one));
        else all.push(...(await this.#corrected(tx, stream, one)));
      }
    }
    this.#derived.push(...all.slice(rows.length));
  }

  /** One row of the stream for each of its source, at the same place among them. */
  async #next(tx: Transaction, stream: StreamPlan, from: AppliedRows): Promise<AppliedRows> {
    const watermarkUs = this.#watermarkOf(stream.name);
    const time = timeOnly(tx, stream.name, from.receivedAtUs, watermarkUs);
    if (from.rows === 0) return time;
    const { stored, columnNames } = tx.table(stream.from);
    const place = sql`_seq - ${sql.literal(from.firstSeq)} AS _place`;
    const batch = batchRows(tx, from, sql`${listOf(columnNames)}, ${place}`);
    const isAlive = stored.hasTombstones ? sql`NOT _deleted AND` : sql.empty;
    const emitted = await emit(tx, stream, {
      rows: await joinedRows(tx, stream, batch, () => undefined),
      isThere: sql`${isAlive} ${isMatched(stream)}`,
      span: from.endSeq - from.firstSeq,
      repeats: stored.plan.key.length === 0 ? "never" : "check",
    });
    const shift = sql.literal(emitted.firstSeq - from.firstSeq);
    const met = sql`(SELECT _seq + ${shift} AS _seq, _wm FROM ${from.derived?.met ?? sql.empty} AS f)`;
    const { disorder } = from.eventTimeUs;
    return {
      ...time,
      ...applied(emitted, disorder),
      producer: from.producer,
      derived: { watermarkUs, met },
    };
  }

  /** What rows of references, which have just come, change in rows that were there before. */
  async #corrected(
    tx: Transaction,
    stream: StreamPlan,
    rows: AppliedRows,
  ): Promise<readonly AppliedRows[]> {
    const all: AppliedRows[] = [];
    if (rows.rows === 0) return all;
    const watermarkUs = this.#watermarkOf(stream.name);
    for (const join of lookupsOf(stream)) {
      if (join.with !== rows.dataset || join.at === "latest") continue;
      const emitted = await correct(tx, stream, join, rows, watermarkUs);
      if (emitted === null || emitted.rows === 0) continue;
      const memory = tx.table(stream.name);
      const met = sql`(SELECT _seq, ${microseconds(watermarkUs)} AS _wm
        FROM ${memory.memoryTable(memory.generation)} AS t)`;
      const time = timeOnly(tx, stream.name, rows.receivedAtUs, watermarkUs);
      all.push({ ...time, ...applied(emitted, null), derived: { watermarkUs, met } });
    }
    return all;
  }

  /** The pairs that rows of either side make with those of the other one. */
  async #paired(
    tx: Transaction,
    stream: StreamPlan,
    join: WithinPlan,
    rows: AppliedRows,
  ): Promise<readonly AppliedRows[]> {
    if (rows.dataset !== stream.from && rows.dataset !== join.with) return [];
    const watermarkUs = this.#watermarkOf(stream.name);
    const time = timeOnly(tx, stream.name, rows.receivedAtUs, watermarkUs);
    if (rows.rows === 0) return [time];
    const otherWatermarkUs =
      rows.dataset === stream.from ? this.#partnerTime(join) : this.#watermarkOf(stream.from);
    const { met, ...emitted } = await pairWithStored(tx, { stream, join, rows, otherWatermarkUs });
    return [{ ...time, ...applied(emitted, null), derived: { watermarkUs, met } }];
  }

  /** How far event time has come in a dataset or a stream. */
  #watermarkOf(name: string): bigint | null {
    const stream = this.#streams.find((one) => one.name === name);
    if (stream === undefined) return this.#progressOf(name).watermarkUs;
    const own = this.#watermarkOf(stream.from);
    const pairing = pairingOf(stream);
    if (pairing === undefined || own === null) return own;
    const other = this.#partnerTime(pairing);
    return other === null || other < own ? other : own;
  }

  /** Rows older than this find no partner any more that comes in time. */
  #partnerTime(join: WithinPlan): bigint | null {
    const watermarkUs = this.#watermarkOf(join.with);
    return watermarkUs === null ? null : watermarkUs - BigInt(join.toUs);
  }

  #dataset(name: string): DatasetPlan {
    const dataset = this.#plan.datasets.find((one) => one.name === name);
    if (dataset === undefined) throw new Error(`the plan has no dataset ${name}`);
    return dataset;
  }

  #progressOf(dataset: string): Progress {
    return this.#progressDraft.get(dataset) ?? this.#progress.get(dataset) ?? NO_PROGRESS;
  }

  #isReady(stream: string): boolean {
    return this.#ready.has(stream) || this.#readyDraft.has(stream);
  }

  takeDerived(): readonly AppliedRows[] {
    return this.#derived.splice(0);
  }

  commit(): void {
    for (const [name, progress] of this.#progressDraft) this.#progress.set(name, progress);
    for (const name of this.#readyDraft) this.#ready.add(name);
    this.rollback();
  }

  rollback(): void {
    this.#progressDraft = new Map();
    this.#readyDraft = new Set();
    this.#derived = [];
  }

  get hasNewStreams(): boolean {
    return this.#streams.some(({ name }) => !this.#ready.has(name)) && this.#progress.size > 0;
  }

  state(): StreamState {
    return {
      datasets: Object.fromEntries(
        [...this.#progress].map(([name, progress]) => [name, progressToState(progress)]),
      ),
      ready: [...this.#ready],
    };
  }

  restore(state: unknown): void {
    const { datasets, ready } = state as StreamState;
    this.#progress = new Map(
      Object.entries(datasets).map(([name, one]) => [name, progressFromState(one)]),
    );
    this.#ready = new Set(ready);
    this.rollback();
  }

  status(): Readonly<Record<string, unknown>> {
    return { ...this.state() };
  }
}

function listOf(names: readonly string[]): Sql {
  return sql.join(names.map((name) => sql.id(name)));
}

/** `rows` of the source, which joins read more than once. */
async function joinedRows(
  tx: Transaction,
  stream: StreamPlan,
  rows: Sql,
  beforeSeq: BeforeSeq,
): Promise<Sql> {
  if (stream.joins.length === 0) return rows;
  await tx.connection.run(sql`CREATE OR REPLACE TEMP TABLE _stream_input AS FROM ${rows} AS i`);
  const columns = [...tx.table(stream.from).columnNames, "_place"];
  return joined(tx, stream, { from: sql`temp._stream_input`, columns }, beforeSeq).from;
}

/** No rows: event time alone goes on. What comes with it was never late. */
function timeOnly(
  tx: Transaction,
  dataset: string,
  receivedAtUs: bigint,
  watermarkUs: bigint | null,
): AppliedRows {
  const table = tx.table(dataset);
  const firstSeq = tx.nextSeq(dataset);
  const met = sql`(SELECT _seq, CAST(NULL AS BIGINT) AS _wm FROM ${table.memoryTable(table.generation)} AS t)`;
  return {
    dataset,
    firstSeq,
    endSeq: firstSeq,
    rows: 0,
    eventTimeUs: { min: 0n, max: 0n, disorder: null },
    producer: "",
    receivedAtUs,
    derived: { watermarkUs, met },
  };
}

function applied(
  { minUs, maxUs, ...range }: Emitted,
  disorder: bigint | null,
): Pick<AppliedRows, "firstSeq" | "endSeq" | "rows" | "eventTimeUs"> {
  return { ...range, eventTimeUs: { min: minUs, max: maxUs, disorder } };
}

/** The stage's state after streams were removed, or are to be computed again. */
export function withStreams(
  state: unknown,
  dropped: ReadonlySet<string>,
  datasets: StreamState["datasets"],
): StreamState {
  const { ready } = (state ?? { ready: [] }) as Pick<StreamState, "ready">;
  return { datasets, ready: ready.filter((name) => !dropped.has(name)) };
}
