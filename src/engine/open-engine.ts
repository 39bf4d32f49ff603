/** Opens the engine: newest checkpoint, then the log from there, then new rows. */
import { join } from "node:path";
import { type Clock } from "../core/clock.ts";
import { type Disk } from "../core/disk.ts";
import { Lifetime } from "../core/lifetime.ts";
import { sql } from "../core/sql.ts";
import { type DecodeLimits } from "../decode/batch.ts";
import { openDecoder } from "../decode/decoder.ts";
import { lineProtocolReader, type LineProtocolReader } from "../decode/line-protocol/line-body.ts";
import { type Connection, type Database } from "../duckdb/duckdb.ts";
import { type Log } from "../log/log.ts";
import { type Plan } from "../plan/plan.ts";
import { Checkpointer } from "./checkpointer.ts";
import { CheckpointHistory, Commits } from "./history.ts";
import { type CheckpointStore } from "./checkpoint-store.ts";
import { batchesOf, orderIn, stageBatches } from "./control.ts";
import { Counters } from "./counters.ts";
import { Cursors } from "./cursors.ts";
import { type Engine } from "./engine.ts";
import { Pipeline } from "./pipeline.ts";
import { TableReading } from "./reading.ts";
import { Receipts } from "./receipts.ts";
import { relationsOf } from "./relations.ts";
import { type EngineSettings, RunningEngine, type Ticking } from "./running-engine.ts";
import { type Stage } from "./stage.ts";
import { RECEIPTS, storedTables } from "./stored-tables.ts";
import { Table } from "./table.ts";
import { createSchemas, Writer } from "./writer.ts";

export interface EngineDeps {
  readonly database: Database;
  readonly disk: Disk;
  readonly clock: Clock;
  /** The data directory, absolute. */
  readonly directory: string;
  readonly log: Log;
  /** What the checkpoint in the data directory holds; opened before the log. */
  readonly store: CheckpointStore;
  /** Rows first, then these, in this order. */
  readonly stages: readonly Stage[];
  readonly ticking: Ticking;
  readonly settings: EngineSettings;
  readonly decodeLimits: DecodeLimits;
  readonly onRecovery?: ((progress: RecoveryProgress) => void) | undefined;
}

export interface RecoveryProgress {
  readonly position: number;
  readonly lastPosition: number;
  readonly rows: number;
}

interface OperatorState {
  readonly counters: Parameters<Counters["restore"]>[0];
  /** Absent in state that an older version has written. */
  readonly cursors?: Parameters<Cursors["restore"]>[0];
  readonly stages: Readonly<Record<string, unknown>>;
}

/** Bodies of log entries that a replay holds in memory at once. */
const REPLAY_AHEAD_BYTES = 128 * 1024 * 1024;

export async function openEngine(plan: Plan, deps: EngineDeps): Promise<Engine> {
  await using opening = new Lifetime();
  const { clock, database, directory, disk, log, store, stages } = deps;
  const startedMs = clock.monotonicMs();
  const connection = opening.own(await database.connect());
  const background = opening.own(await database.connect());
  const tables = await openTables(plan, connection, store, directory);
  const staging = join(directory, "staging");
  const limits = deps.decodeLimits;
  const decoder = opening.own(
    await openDecoder({ database, disk, stagingDirectory: staging, limits }),
  );
  const lines = lineProtocolReader(plan, limits);
  const counters = new Counters();
  const cursors = new Cursors();
  const receipts = new Receipts();
  restoreOperators(store, counters, cursors, stages);
  openStages(stages, tables);
  const receiptTable = tables.get(RECEIPTS);
  if (receiptTable !== undefined) await receipts.load(connection, receiptTable);
  const commits = new Commits();
  const writer = new Writer({
    plan,
    connection,
    tables,
    stages,
    receipts,
    counters,
    cursors,
    onCommit: (changed) => commits.publish(changed),
  });
  writer.appliedPosition = store.position;
  const records = new CheckpointHistory(store.records);
  const checkpointer = new Checkpointer({
    writer,
    tables,
    store,
    connection: background,
    log,
    clock,
    operatorState: () => operatorState(counters, cursors, stages),
    onRecord: (record) => records.add(record),
  });
  const replayed = await replay(plan, deps, writer, checkpointer, decoder, lines);
  const relations = relationsOf(tables, store, commits);
  const reading = opening.own(await TableReading.open(database, staging, tables, relations));
  const recovered = { ...replayed, elapsedMs: clock.monotonicMs() - startedMs };
  return new RunningEngine({
    plan,
    settings: deps.settings,
    clock,
    log,
    decoder,
    lines,
    writer,
    checkpointer,
    store,
    tables,
    counters,
    cursors,
    stages,
    ticking: deps.ticking,
    reading,
    relations,
    records,
    commits,
    recovered,
    lifetime: opening.move(),
  });
}

function restoreOperators(
  store: CheckpointStore,
  counters: Counters,
  cursors: Cursors,
  stages: readonly Stage[],
): void {
  const state = store.operatorState as OperatorState | null;
  if (state === null) return;
  counters.restore(state.counters);
  if (state.cursors !== undefined) cursors.restore(state.cursors);
  for (const stage of stages) {
    const own = state.stages[stage.name];
    if (own !== undefined) stage.restore(own);
  }
}

function openStages(stages: readonly Stage[], tables: ReadonlyMap<string, Table>): void {
  for (const stage of stages) stage.opened?.((name) => tables.get(name)?.nextSeq ?? 1);
}

function operatorState(
  counters: Counters,
  cursors: Cursors,
  stages: readonly Stage[],
): OperatorState {
  return {
    counters: counters.state(),
    cursors: cursors.state(),
    stages: Object.fromEntries(stages.map((stage) => [stage.name, stage.state()])),
  };
}

async function openTables(
  plan: Plan,
  connection: Connection,
  store: CheckpointStore,
  directory: string,
): Promise<ReadonlyMap<string, Table>> {
  await createSchemas(connection, plan);
  const tables = new Map<string, Table>();
  for (const stored of storedTables(plan)) {
    const table = new Table(stored, directory);
    table.chunks = store.chunksOf(table.name);
    table.nextSeq = store.nextSeqOf(table.name);
    table.memoryFromSeq = table.nextSeq;
    table.repeatDays = store.repeatDaysOf(table.name);
    tables.set(table.name, table);
    await connection.run(table.createMemoryTable(table.generation));
    for (const view of table.viewStatements()) await connection.run(view);
    table.waitingRows = await countWaiting(connection, table);
  }
  return tables;
}

async function countWaiting(connection: Connection, table: Table): Promise<number> {
  const { waits } = table.stored;
  if (waits === undefined || table.chunks.length === 0) return 0;
  const [found] = await connection.rows<{ n: bigint }>(
    sql`SELECT count(*) AS n FROM ${table.relation()} AS r WHERE ${waits}`,
  );
  return Number(found?.n ?? 0n);
}

/**
 * Applies the log from the checkpoint on. The same code as for new rows, so it gives the same
 * state.
 */
async function replay(
  plan: Plan,
  deps: EngineDeps,
  writer: Writer,
  checkpointer: Checkpointer,
  decoder: Awaited<ReturnType<typeof openDecoder>>,
  lines: LineProtocolReader,
): Promise<{ entries: number; rows: number }> {
  const { log, settings, onRecovery } = deps;
  let entries = 0;
  let rows = 0;
  let heldBytes = 0;
  let failure: unknown;
  const pipeline = new Pipeline({
    batchesOf: (entry) => batchesOf(entry, lines),
    orderOf: orderIn(plan),
    decode: (name, batches) => stageBatches(plan, decoder, name, batches),
    apply: async (group) => {
      if (writer.bytesSinceFreeze >= settings.memoryTableBytes)
        await checkpointer.checkpoint("recovery");
      return writer.apply(group);
    },
  });
  for await (const { position, header, body } of log.read(deps.store.position + 1)) {
    if (failure !== undefined) break;
    heldBytes += body.length;
    entries++;
    pipeline.push({
      position,
      header,
      body,
      durable: Promise.resolve(),
      settle: (outcome) => {
        heldBytes -= body.length;
        if (outcome?.kind === "applied") rows += outcome.accepted;
        onRecovery?.({ position, lastPosition: log.nextPosition - 1, rows });
      },
      fail: (error) => {
        failure ??= error;
      },
    });
    if (heldBytes > REPLAY_AHEAD_BYTES) await pipeline.idle();
  }
  await pipeline.idle();
  if (failure !== undefined) throw failure;
  return { entries, rows };
}
