/** Turns rows into chunks: sorted zstd Parquet files that are on disk, hashed and counted. */
import { dirname, join } from "node:path";
import { type Disk } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import { diskFailure } from "./disk-failure.ts";
import { hashFile } from "./file-hash.ts";
import { type ChunkRecord, chunkPath } from "./manifest-format.ts";
import { parquetFile } from "./parquet-file.ts";
import { type DaySlice, sliceDays } from "./slice-days.ts";

export interface ChunkSource {
  readonly dataset: DatasetPlan;
  /**
   * A table or sub-select with the dataset's columns, `_seq`, and `_deleted` where it
   * `hasTombstones`. It must not change while it is written.
   */
  readonly rows: Sql;
  readonly hasTombstones: boolean;
  /**
   * Whether rows that were taken back may be left out, because nothing older is stored elsewhere in
   * the same days. Heeded where the event time is in the key: else an older row may lie in any day.
   */
  readonly dropDeleted: boolean;
  /** How many rows the source must have, where the caller knows. */
  readonly expectedRows?: number | undefined;
}

export interface ChunkTarget {
  readonly connection: Connection;
  readonly disk: Disk;
  /** The data directory, absolute. */
  readonly directory: string;
  /** Gives a number that no chunk ever had. */
  readonly nextId: () => number;
}

const DAY_US = 86_400_000_000n;
const ROW_GROUP_ROWS = 122_880;

/**
 * One file an event day; where days are many for their rows, those of a month or a year share one.
 * With a key, only the newest row of each key is written. The files and their names are durable
 * when it returns; when it throws, none are left.
 */
export async function writeChunks(
  target: ChunkTarget,
  source: ChunkSource,
): Promise<readonly ChunkRecord[]> {
  const { connection, disk, directory } = target;
  const paths: string[] = [];
  try {
    const slices = sliceDays(await countDays(connection, source));
    checkCount(source, slices);
    const hasRepeats = slices.length > 0 && (await mayRepeatKeys(connection, source));
    const chunks: ChunkRecord[] = [];
    for (const group of inGroups(slices)) {
      const rows = await gather(connection, source, group);
      for (const slice of group) {
        const id = target.nextId();
        const path = chunkPath(source.dataset.name, checkPartition(slice.partition), id);
        paths.push(join(directory, path));
        const writing = { slice, id, path, hasRepeats };
        const chunk = await writeChunk(target, { ...source, rows }, writing);
        if (chunk !== null) chunks.push(chunk);
      }
    }
    return chunks;
  } catch (error) {
    // A full disk must not get fuller with every attempt.
    for (const path of paths) await disk.remove(path).catch(() => undefined);
    throw diskFailure(directory, error);
  } finally {
    await connection.run(sql`DROP TABLE IF EXISTS ${GATHERED}`).catch(() => undefined);
  }
}

/** From so many files on, each one's scan of all rows costs more than copying the rows once. */
const MIN_GATHERED = 9;
const GATHERED = sql`temp.main.gathered_rows`;

/**
 * Slices whose rows are first copied together: with the square root of all in a group, neither the
 * scans of all rows nor those of the copies are many, and only a part of the rows is in memory
 * twice. For 181 days of shuffled rows this is half of the work.
 */
function inGroups(slices: readonly DaySlice[]): readonly (readonly DaySlice[])[] {
  if (slices.length < MIN_GATHERED) return slices.map((slice) => [slice]);
  const size = Math.ceil(Math.sqrt(slices.length));
  const groups: (readonly DaySlice[])[] = [];
  for (let at = 0; at < slices.length; at += size) groups.push(slices.slice(at, at + size));
  return groups;
}

async function gather(
  connection: Connection,
  source: ChunkSource,
  group: readonly DaySlice[],
): Promise<Sql> {
  const [first] = group;
  const last = group.at(-1);
  if (group.length === 1 || first === undefined || last === undefined) return source.rows;
  const { fromDay } = first;
  const { toDay } = last;
  await connection.runInBackground(
    sql`CREATE OR REPLACE TEMP TABLE ${GATHERED} AS
        SELECT ${sql.join(columnsOf(source))} FROM ${source.rows} AS r
         WHERE ${isWithin(source.dataset, { fromDay, toDay })}`,
  );
  return GATHERED;
}

async function countDays(
  connection: Connection,
  { dataset, rows }: ChunkSource,
): Promise<readonly { readonly day: number; readonly rows: number }[]> {
  const time = sql`epoch_us(${sql.id(dataset.eventTime)})`;
  const days = await connection.rows<{ day: bigint | null; rows: bigint }>(
    sql`SELECT (${time} - ((${time} % 86400000000) + 86400000000) % 86400000000) // 86400000000 AS day,
               count(*) AS rows
          FROM ${rows} AS r GROUP BY day ORDER BY day`,
  );
  return days.map((one) => {
    if (one.day === null) throw chunkError(dataset, `${one.rows} rows have no event time`);
    return { day: Number(one.day), rows: Number(one.rows) };
  });
}

function checkCount(source: ChunkSource, slices: readonly DaySlice[]): void {
  const found = slices.reduce((sum, slice) => sum + slice.rows, 0);
  const { expectedRows = found } = source;
  if (found === expectedRows) return;
  throw chunkError(source.dataset, `${found} rows were found where ${expectedRows} should be`);
}

/** Years before 0 and after 9999 cannot come in; this only keeps a bug from becoming a path. */
function checkPartition(partition: string): string {
  if (/^(?:\d{4}(?:-\d{2}){0,2}|all)$/.test(partition)) return partition;
  throw new KurobeError("KRB_STORAGE_CHUNK", `no partition can be named ${partition}`);
}

/**
 * Whether two rows may have one key. Most tables have none, and finding that out by hashes costs
 * half of what looking for the newest row of each key does.
 */
async function mayRepeatKeys(connection: Connection, source: ChunkSource): Promise<boolean> {
  if (source.dataset.key.length === 0) return false;
  const key = sql.join(source.dataset.key.map((name) => sql.id(name)));
  const found = await connection.values(
    sql`SELECT 1 FROM (SELECT hash(${key}) AS h FROM ${source.rows} AS r) AS k
         GROUP BY h HAVING count(*) > 1 LIMIT 1`,
  );
  return found.length > 0;
}

interface Writing {
  readonly slice: DaySlice;
  readonly id: number;
  readonly path: string;
  readonly hasRepeats: boolean;
}

/** Null where all rows of the slice were taken back. */
async function writeChunk(
  target: ChunkTarget,
  source: ChunkSource,
  writing: Writing,
): Promise<ChunkRecord | null> {
  const { connection, disk, directory } = target;
  const { dataset } = source;
  const { slice, id, path } = writing;
  const file = join(directory, path);
  await disk.makeDirectory(dirname(file));
  await connection.runInBackground(
    sql`COPY (${sortedRows(source, writing)}) TO ${sql.literal(file)}
        (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${sql.literal(ROW_GROUP_ROWS)})`,
  );
  const found = await describe(connection, dataset, file);
  checkContents(source, writing, found);
  if (found === null) {
    await disk.remove(file);
    return null;
  }
  // COPY does no fsync: without these two, a power loss could leave a name without bytes.
  await disk.syncFile(file);
  await disk.syncDirectory(dirname(file));
  return {
    id,
    dataset: dataset.name,
    partition: slice.partition,
    path,
    rows: found.rows,
    minEventTimeUs: String(found.minAt),
    maxEventTimeUs: String(found.maxAt),
    minSeq: found.minSeq,
    maxSeq: found.maxSeq,
    ...(await hashFile(disk, file)),
    columns: dataset.columns.map(({ name, type }) => ({ name, type: columnTypeToDuckdb(type) })),
    tier: "hot",
  };
}

interface Contents {
  readonly rows: number;
  readonly minAt: bigint;
  readonly maxAt: bigint;
  readonly minSeq: number;
  readonly maxSeq: number;
}

/** What the file itself says, mostly by its footer; null for one without rows. */
async function describe(
  connection: Connection,
  dataset: DatasetPlan,
  file: string,
): Promise<Contents | null> {
  const at = sql.id(dataset.eventTime);
  const [found] = await connection.rows<Record<string, bigint>>(
    sql`SELECT count(*) AS rows, epoch_us(min(${at})) AS min_at, epoch_us(max(${at})) AS max_at,
               min(_seq) AS min_seq, max(_seq) AS max_seq
          FROM read_parquet(${parquetFile(file)})`,
  );
  const { rows = 0n, min_at: minAt = 0n, max_at: maxAt = 0n, ...seqs } = found ?? {};
  if (rows === 0n) return null;
  const { min_seq: minSeq, max_seq: maxSeq } = seqs;
  return { rows: Number(rows), minAt, maxAt, minSeq: Number(minSeq), maxSeq: Number(maxSeq) };
}

function checkContents(
  source: ChunkSource,
  { slice, path, hasRepeats }: Writing,
  found: Contents | null,
): void {
  const rows = found?.rows ?? 0;
  const mayLose = hasRepeats || dropsDeleted(source);
  if (rows > slice.rows || (!mayLose && rows < slice.rows)) {
    throw chunkError(source.dataset, `${path} has ${rows} rows instead of ${slice.rows}`);
  }
  if (found === null) return;
  const from = BigInt(slice.fromDay) * DAY_US;
  const to = BigInt(slice.toDay + 1) * DAY_US;
  if (found.minAt < from || found.maxAt >= to) {
    throw chunkError(source.dataset, `${path} has rows of days that it was not written for`);
  }
}

function chunkError(dataset: DatasetPlan, fact: string): KurobeError {
  return new KurobeError("KRB_STORAGE_CHUNK", `writing chunks of ${dataset.name}: ${fact}`, {
    details: { dataset: dataset.name },
  });
}

function dropsDeleted({ dataset, dropDeleted, hasTombstones }: ChunkSource): boolean {
  return dropDeleted && hasTombstones && dataset.key.includes(dataset.eventTime);
}

/**
 * Sorted by key, or by the column that people filter on, then by time: neighbours compress
 * together.
 */
function sortedRows(source: ChunkSource, { slice, hasRepeats }: Writing): Sql {
  const { dataset } = source;
  const names = sql.join(columnsOf(source));
  const inSlice = sql`SELECT ${names} FROM ${source.rows} AS r WHERE ${isWithin(dataset, slice)}`;
  const key = sql.join(dataset.key.map((name) => sql.id(name)));
  const newest = hasRepeats
    ? sql`${inSlice} QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _seq DESC) = 1`
    : inSlice;
  const alive = dropsDeleted(source) ? sql`WHERE NOT _deleted` : sql.empty;
  const order = [...sortColumns(dataset), dataset.eventTime, "_seq"].map((name) => sql.id(name));
  return sql`SELECT ${names} FROM (${newest}) AS n ${alive} ORDER BY ${sql.join(order)}`;
}

function columnsOf({ dataset, hasTombstones }: ChunkSource): readonly Sql[] {
  const columns = dataset.columns.map((column) => sql.id(column.name));
  return [...columns, ...(hasTombstones ? [sql`_deleted`] : []), sql`_seq`];
}

function isWithin(
  dataset: DatasetPlan,
  days: { readonly fromDay: number; readonly toDay: number },
): Sql {
  const at = sql.id(dataset.eventTime);
  const from = sql.literal(BigInt(days.fromDay) * DAY_US);
  const to = sql.literal(BigInt(days.toDay + 1) * DAY_US);
  return sql`${at} >= make_timestamp(${from}) AND ${at} < make_timestamp(${to})`;
}

function sortColumns(dataset: DatasetPlan): readonly string[] {
  if (dataset.key.length > 0) return dataset.key.filter((name) => name !== dataset.eventTime);
  const text = dataset.columns.filter((column) => column.type.kind === "text");
  // One text column is a dimension (a symbol, an origin); sorting by more scatters time too much.
  return text.slice(0, 1).map((column) => column.name);
}
