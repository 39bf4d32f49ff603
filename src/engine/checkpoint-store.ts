/** The checkpoint on disk: what the manifest says, and the steps that replace it by a newer one. */
import { join } from "node:path";
import { type Clock } from "../core/clock.ts";
import { type Disk, diskErrorCode } from "../core/disk.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Plan } from "../plan/plan.ts";
import { writeChunks } from "../storage/chunk-writer.ts";
import {
  type ChunkRecord,
  type CurrentManifest,
  type FileRecord,
  type Manifest,
  MANIFEST_FORMAT,
  manifestNumbers,
  MANIFESTS_KEPT,
  readCurrentManifest,
  readManifest,
  replaceFile,
  sha256Of,
  writeManifest,
} from "../storage/manifest.ts";
import { mergeChunks } from "../storage/merge-chunks.ts";
import { DEFAULT_MERGE_POLICY, planMerges } from "../storage/merge.ts";
import { type CheckpointRecord } from "./checkpointer.ts";
import { type PlanChange } from "./plan-change.ts";
import { storedTables } from "./stored-tables.ts";
import { dayOf, type Table } from "./table.ts";

/** What the writer handed over while it stood still. */
export interface Snapshot {
  readonly position: number;
  readonly reason: string;
  readonly frozen: readonly Table[];
  readonly repeatDays: ReadonlyMap<string, ReadonlySet<number>>;
  readonly nextSeqs: ReadonlyMap<string, number>;
  readonly operatorState: unknown;
}

interface State {
  readonly tables: Readonly<Record<string, { nextSeq: number; repeatDays: readonly number[] }>>;
  readonly operators: unknown;
}

/** What a new manifest says beside its number and time. */
interface Next {
  readonly position: number;
  readonly reason: string;
  readonly chunks: readonly ChunkRecord[];
  readonly state: State;
}

export interface Written {
  readonly number: number;
  readonly createdAtUs: bigint;
  readonly rows: number;
  readonly chunks: number;
  readonly bytes: number;
}

export interface Merged {
  readonly name: string;
  readonly clearedDays: readonly number[];
}

export interface CheckpointStoreDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The data directory, absolute. */
  readonly directory: string;
}

/** Bytes that one round of merging may rewrite, so that checkpoints are not kept waiting. */
const MERGE_ROUND_BYTES = 512 * 1024 * 1024;

export class CheckpointStore {
  readonly #deps: CheckpointStoreDeps;
  readonly #plan: Plan;
  readonly #logId: string;
  #manifest: Manifest | null;
  #state: State;
  #nextChunkId: number;
  #keptManifests: Manifest[];
  #leases = 0;
  /** Files that no kept manifest names, waiting for the last lease to end. */
  #obsolete: string[] = [];

  constructor(deps: CheckpointStoreDeps, plan: Plan, logId: string, opened: OpenedCheckpoint) {
    this.#deps = deps;
    this.#plan = plan;
    this.#logId = logId;
    this.#manifest = opened.manifest;
    this.#state = opened.state;
    this.#nextChunkId = opened.manifest?.nextChunkId ?? 1;
    this.#keptManifests = [...opened.kept];
  }

  get manifest(): Manifest | null {
    return this.#manifest;
  }

  get position(): number {
    return this.#manifest?.position ?? 0;
  }

  /** Those that a start can fall back on, oldest first. */
  get manifests(): readonly Manifest[] {
    return this.#keptManifests;
  }

  /** The log must keep everything from here, so that the oldest kept manifest can still be used. */
  get replayFrom(): number {
    return (this.#keptManifests[0]?.position ?? 0) + 1;
  }

  get operatorState(): unknown {
    return this.#state.operators;
  }

  get records(): readonly CheckpointRecord[] {
    return this.#keptManifests.map((manifest) => ({
      number: manifest.number,
      position: manifest.position,
      createdAtUs: BigInt(manifest.createdAtUs),
      reason: manifest.reason,
      rows: 0,
      chunks: manifest.chunks.length,
      bytes: manifest.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
      elapsedMs: 0,
      pauseMs: 0,
    }));
  }

  chunksOf(name: string): readonly ChunkRecord[] {
    return (this.#manifest?.chunks ?? []).filter((chunk) => chunk.dataset === name);
  }

  nextSeqOf(name: string): number {
    return this.#state.tables[name]?.nextSeq ?? 1;
  }

  repeatDaysOf(name: string): ReadonlySet<number> {
    return new Set(this.#state.tables[name]?.repeatDays);
  }

  /** Chunks, then state, then manifest: each durable before the next one names it. */
  async write(connection: Connection, snapshot: Snapshot): Promise<Written> {
    const added = await this.#writeFrozen(connection, snapshot.frozen);
    const chunks = [...(this.#manifest?.chunks ?? []), ...added];
    const { position, reason } = snapshot;
    // From here on a failure may leave a manifest behind that names the chunks: they have to stay.
    const manifest = await this.#publish({ position, reason, chunks, state: stateOf(snapshot) });
    return {
      number: manifest.number,
      createdAtUs: BigInt(manifest.createdAtUs),
      rows: snapshot.frozen.reduce((sum, table) => sum + table.frozenRows, 0),
      chunks: added.length,
      bytes: added.reduce((sum, chunk) => sum + chunk.bytes, 0),
    };
  }

  async #writeFrozen(
    connection: Connection,
    frozen: readonly Table[],
  ): Promise<readonly ChunkRecord[]> {
    const added: ChunkRecord[] = [];
    try {
      for (const table of frozen) {
        const chunks = await writeChunks(this.#target(connection), {
          dataset: table.stored.plan,
          rows: table.memoryTable(table.frozen ?? table.generation),
          hasTombstones: table.stored.hasTombstones,
          dropDeleted: false,
          expectedRows: table.frozenRows,
        });
        added.push(...chunks);
      }
      return added;
    } catch (error) {
      // On a full disk, what a failed checkpoint leaves behind is what the next one lacks.
      const { disk, directory } = this.#deps;
      for (const { path } of added) {
        await removeQuietly(disk, join(directory, path)).catch(() => undefined);
      }
      throw error;
    }
  }

  #target(connection: Connection): Parameters<typeof writeChunks>[0] {
    const { disk, directory } = this.#deps;
    return { connection, disk, directory, nextId: () => this.#nextChunkId++ };
  }

  async #publish(next: Next): Promise<Manifest> {
    const { clock, disk, directory } = this.#deps;
    const { position, reason, chunks, state } = next;
    const number = (this.#manifest?.number ?? 0) + 1;
    const manifest: Manifest = {
      format: MANIFEST_FORMAT,
      number,
      createdAtUs: String(clock.nowUs()),
      reason,
      plan: this.#plan,
      logId: this.#logId,
      position,
      chunks,
      state: await this.#writeState(number, state),
      nextChunkId: this.#nextChunkId,
    };
    await writeManifest(disk, directory, manifest);
    this.#manifest = manifest;
    this.#state = state;
    this.#keptManifests.push(manifest);
    await this.#retire();
    return manifest;
  }

  async #writeState(number: number, state: State): Promise<FileRecord> {
    const { disk, directory } = this.#deps;
    const path = `state/${String(number).padStart(10, "0")}.json`;
    const bytes = Buffer.from(JSON.stringify(state));
    await disk.makeDirectory(join(directory, "state"));
    await replaceFile(disk, join(directory, path), bytes);
    await disk.syncDirectory(join(directory, "state"));
    return { path, bytes: bytes.length, sha256: sha256Of(bytes) };
  }

  /** Old manifests go, and with them what only they named. */
  async #retire(): Promise<void> {
    const { disk, directory } = this.#deps;
    while (this.#keptManifests.length > MANIFESTS_KEPT) {
      const old = this.#keptManifests.shift();
      if (old === undefined) break;
      const named = new Set(
        this.#keptManifests.flatMap((one) => [one.state, ...one.chunks].map((file) => file.path)),
      );
      const unnamed = [old.state, ...old.chunks]
        .map((file) => file.path)
        .filter((path) => !named.has(path));
      this.#obsolete.push(...unnamed);
      await removeQuietly(
        disk,
        join(directory, "manifest", `${String(old.number).padStart(10, "0")}.json`),
      );
    }
    await this.sweep();
  }

  /** Removes obsolete files, unless a statement is running that may still read them. */
  async sweep(): Promise<void> {
    if (this.#leases > 0) return;
    const { disk, directory } = this.#deps;
    for (const path of this.#obsolete.splice(0)) await removeQuietly(disk, join(directory, path));
  }

  lease(): Disposable {
    this.#leases++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#leases--;
        isHeld = false;
      },
    };
  }

  /** Publishes the manifest of a directory that nothing was written to yet. */
  async begin(): Promise<void> {
    await this.#publish({ position: 0, reason: "new", chunks: [], state: EMPTY_STATE });
  }

  /**
   * Publishes a manifest of the new plan, without the rows that go. Call on a store opened with it.
   */
  async adopt(change: PlanChange, operators: unknown): Promise<void> {
    const columns = new Map(
      storedTables(this.#plan).map(({ plan }) => [
        plan.name,
        new Set(plan.columns.map((column) => column.name)),
      ]),
    );
    // A column that is taken out and declared again later starts without its old values.
    const chunks = (this.#manifest?.chunks ?? [])
      .filter((one) => !change.dropped.has(one.dataset))
      .map((one) => ({
        ...one,
        columns: one.columns.filter(({ name }) => columns.get(one.dataset)?.has(name) === true),
      }));
    const tables = Object.fromEntries(
      Object.entries(this.#state.tables)
        .filter(([name]) => !change.dropped.has(name))
        .map(([name, table]) => {
          const own = chunks.filter((chunk) => chunk.dataset === name);
          const repeatDays = change.rekeyed.has(name) ? daysOf(own) : table.repeatDays;
          return [name, { ...table, repeatDays }];
        }),
    );
    const state = { tables, operators };
    await this.#publish({ position: this.position, reason: "plan", chunks, state });
  }

  /**
   * Rewrites the chunks of these datasets as one row a key: what the key has replaced is gone for
   * good, and does not come back under another key.
   */
  async settle(connection: Connection, names: ReadonlySet<string>): Promise<void> {
    let chunks = this.#manifest?.chunks ?? [];
    const { operators, tables } = this.#state;
    const settled = { ...tables };
    for (const { plan, hasTombstones } of storedTables(this.#plan)) {
      const own = chunks.filter((chunk) => chunk.dataset === plan.name);
      if (!names.has(plan.name) || plan.key.length === 0 || own.length === 0) continue;
      const written = await mergeChunks(this.#target(connection), {
        dataset: plan,
        hasTombstones,
        merge: { chunks: own, wholeDays: [], isWhole: true },
        settles: true,
      });
      chunks = [...chunks.filter((chunk) => chunk.dataset !== plan.name), ...written];
      settled[plan.name] = { nextSeq: this.nextSeqOf(plan.name), repeatDays: [] };
    }
    const state = { tables: settled, operators };
    await this.#publish({ position: this.position, reason: "plan change", chunks, state });
  }

  /**
   * One round: merges what the policy asks for, and publishes a manifest that names the results.
   */
  async merge(connection: Connection): Promise<readonly Merged[]> {
    const merged: Merged[] = [];
    let budget = MERGE_ROUND_BYTES;
    let chunks = this.#manifest?.chunks ?? [];
    for (const stored of storedTables(this.#plan)) {
      const own = chunks.filter((chunk) => chunk.dataset === stored.plan.name);
      for (const merge of planMerges(own, DEFAULT_MERGE_POLICY)) {
        if (budget <= 0) break;
        budget -= merge.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
        const written = await mergeChunks(this.#target(connection), {
          dataset: stored.plan,
          hasTombstones: stored.hasTombstones,
          merge: stored.keepsTombstones === true ? { ...merge, isWhole: false } : merge,
        });
        const gone = new Set(merge.chunks.map((chunk) => chunk.id));
        chunks = [...chunks.filter((chunk) => !gone.has(chunk.id)), ...written];
        merged.push({ name: stored.plan.name, clearedDays: merge.wholeDays });
      }
    }
    if (merged.length > 0)
      await this.#publish({ position: this.position, reason: "merge", chunks, state: this.#state });
    return merged;
  }
}

function daysOf(chunks: readonly ChunkRecord[]): readonly number[] {
  const days = new Set<number>();
  for (const chunk of chunks) {
    const last = dayOf(BigInt(chunk.maxEventTimeUs));
    for (let day = dayOf(BigInt(chunk.minEventTimeUs)); day <= last; day++) days.add(day);
  }
  return [...days];
}

function stateOf(snapshot: Snapshot): State {
  const tables = Object.fromEntries(
    [...snapshot.nextSeqs].map(([name, nextSeq]) => [
      name,
      { nextSeq, repeatDays: [...(snapshot.repeatDays.get(name) ?? [])] },
    ]),
  );
  return { tables, operators: snapshot.operatorState };
}

async function removeQuietly(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    // A crash between two removals leaves some of them done already.
    if (diskErrorCode(error) !== "ENOENT") throw error;
  }
}

export interface OpenedCheckpoint {
  readonly manifest: Manifest | null;
  readonly state: State;
  /** Oldest first, the current one last. */
  readonly kept: readonly Manifest[];
  readonly skipped: readonly string[];
}

const EMPTY_STATE: State = { tables: {}, operators: null };

/** Reads the newest checkpoint of a data directory; for a new one there is none. */
export async function openCheckpoint(disk: Disk, directory: string): Promise<OpenedCheckpoint> {
  const current: CurrentManifest | null = await readCurrentManifest(disk, directory);
  if (current === null) return { manifest: null, state: EMPTY_STATE, kept: [], skipped: [] };
  const { manifest, skipped } = current;
  const stateText = Buffer.from(
    await disk.readFile(join(directory, manifest.state.path)),
  ).toString();
  const kept: Manifest[] = [];
  for (const number of await manifestNumbers(disk, directory)) {
    if (number >= manifest.number) continue;
    const older = await readManifest(disk, directory, number);
    if (typeof older !== "string") kept.push(older);
  }
  return { manifest, state: JSON.parse(stateText) as State, kept: [...kept, manifest], skipped };
}
