/** Turns rows into chunks: sorted zstd Parquet files that are on disk, hashed and counted. */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { type Disk } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type ChunkRecord } from "./manifest.ts";

export interface ChunkSource {
  readonly dataset: DatasetPlan;
  /** A table or sub-select with the dataset's columns, `_seq`, and `_deleted` where it `hasTombstones`. */
  readonly rows: Sql;
  readonly hasTombstones: boolean;
  /** Whether rows that were taken back may be left out, because nothing older is stored elsewhere. */
  readonly dropDeleted: boolean;
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
/** Rows that are spread over more days than this share files, so that a checkpoint writes a bounded number. */
const MAX_FILES = 48;
const ROW_GROUP_ROWS = 122_880;

interface Slice {
  readonly fromDay: bigint;
  readonly toDay: bigint;
}

/** One file an event day; when days are many, consecutive ones share a file. */
export async function writeChunks(
  target: ChunkTarget,
  source: ChunkSource,
): Promise<readonly ChunkRecord[]> {
  const chunks: ChunkRecord[] = [];
  for (const slice of await slices(target.connection, source)) {
    const chunk = await writeChunk(target, source, slice);
    if (chunk !== null) chunks.push(chunk);
  }
  return chunks;
}

async function slices(connection: Connection, source: ChunkSource): Promise<readonly Slice[]> {
  const at = sql.id(source.dataset.eventTime);
  const time = sql`epoch_us(${at})`;
  const days = await connection.rows<{ day: bigint; rows: bigint }>(
    sql`SELECT (${time} - ((${time} % 86400000000) + 86400000000) % 86400000000) // 86400000000 AS day,
               count(*) AS rows
          FROM ${source.rows} AS r GROUP BY day ORDER BY day`,
  );
  const total = days.reduce((sum, one) => sum + Number(one.rows), 0);
  if (days.length <= MAX_FILES) return days.map(({ day }) => ({ fromDay: day, toDay: day }));
  const rowsAFile = Math.ceil(total / MAX_FILES);
  const found: Slice[] = [];
  let open: { fromDay: bigint; toDay: bigint; rows: number } | undefined;
  for (const { day, rows } of days) {
    if (open !== undefined && open.rows + Number(rows) <= rowsAFile * 1.5) {
      open = { fromDay: open.fromDay, toDay: day, rows: open.rows + Number(rows) };
    } else {
      if (open !== undefined) found.push(open);
      open = { fromDay: day, toDay: day, rows: Number(rows) };
    }
  }
  if (open !== undefined) found.push(open);
  return found;
}

async function writeChunk(
  target: ChunkTarget,
  source: ChunkSource,
  slice: Slice,
): Promise<ChunkRecord | null> {
  const { connection, disk, directory } = target;
  const { dataset } = source;
  const id = target.nextId();
  const partition = new Date(Number(slice.fromDay) * 86_400_000).toISOString().slice(0, 10);
  const path = `chunks/${dataset.name}/${safePartition(partition)}/${String(id).padStart(10, "0")}.parquet`;
  const file = join(directory, path);
  await disk.makeDirectory(dirname(file));
  await connection.run(
    sql`COPY (${sortedRows(source, slice)}) TO ${sql.literal(file)}
        (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${sql.literal(ROW_GROUP_ROWS)})`,
  );
  const at = sql.id(dataset.eventTime);
  const [found] = await connection.rows<Record<string, bigint | null>>(
    sql`SELECT count(*) AS rows, epoch_us(min(${at})) AS min_at, epoch_us(max(${at})) AS max_at,
               min(_seq) AS min_seq, max(_seq) AS max_seq
          FROM read_parquet(${sql.literal(file)})`,
  );
  const rows = Number(found?.["rows"] ?? 0n);
  if (rows === 0) {
    await disk.remove(file);
    return null;
  }
  // COPY does no fsync: without these two, a power loss could leave a name without bytes.
  await disk.syncFile(file);
  await disk.syncDirectory(dirname(file));
  const { sha256, bytes } = await hashFile(disk, file);
  const text = (name: string): string => String(found?.[name]);
  return {
    id,
    dataset: dataset.name,
    partition,
    path,
    rows,
    bytes,
    minEventTimeUs: text("min_at"),
    maxEventTimeUs: text("max_at"),
    minSeq: Number(found?.["min_seq"]),
    maxSeq: Number(found?.["max_seq"]),
    sha256,
    columns: dataset.columns.map((column) => column.name),
    tier: "hot",
  };
}

function safePartition(partition: string): string {
  // Years before 0 and after 9999 cannot come in; this only keeps a bug from becoming a path.
  if (!/^\d{4}-\d{2}-\d{2}$/.test(partition)) {
    throw new KurobeError("KRB_STORAGE_CHUNK", `no partition can be named ${partition}`);
  }
  return partition;
}

/** Sorted by key, or by the columns that people filter on, then by time: neighbours compress together. */
function sortedRows(source: ChunkSource, slice: Slice): Sql {
  const { dataset } = source;
  const at = sql.id(dataset.eventTime);
  const names = [
    ...dataset.columns.map((column) => sql.id(column.name)),
    ...(source.hasTombstones ? [sql`_deleted`] : []),
    sql`_seq`,
  ];
  const from = sql.literal(slice.fromDay * DAY_US);
  const to = sql.literal((slice.toDay + 1n) * DAY_US);
  const where = sql`${at} >= make_timestamp(${from}) AND ${at} < make_timestamp(${to})`;
  const order = sql.join([...sortColumns(dataset).map((name) => sql.id(name)), at, sql`_seq`]);
  const key = dataset.key.map((name) => sql.id(name));
  if (key.length === 0) {
    return sql`SELECT ${sql.join(names)} FROM ${source.rows} AS r WHERE ${where} ORDER BY ${order}`;
  }
  const alive = source.dropDeleted && source.hasTombstones ? sql`WHERE NOT _deleted` : sql.empty;
  return sql`SELECT ${sql.join(names)} FROM (
      SELECT ${sql.join(names)} FROM ${source.rows} AS r WHERE ${where}
      QUALIFY row_number() OVER (PARTITION BY ${sql.join(key)} ORDER BY _seq DESC) = 1) AS n
    ${alive} ORDER BY ${order}`;
}

function sortColumns(dataset: DatasetPlan): readonly string[] {
  if (dataset.key.length > 0) return dataset.key.filter((name) => name !== dataset.eventTime);
  const text = dataset.columns.filter((column) => column.type.kind === "text");
  // One text column is a dimension (a symbol, an origin); sorting by more scatters time too much.
  return text.slice(0, 1).map((column) => column.name);
}

const READ_BYTES = 1024 * 1024;

export async function hashFile(
  disk: Disk,
  path: string,
): Promise<{ sha256: string; bytes: number }> {
  await using file = await disk.open(path, "read");
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let bytes = 0;
  for (;;) {
    const read = await file.read(buffer, bytes);
    hash.update(buffer.subarray(0, read));
    bytes += read;
    if (read < buffer.length) return { sha256: hash.digest("hex"), bytes };
  }
}
