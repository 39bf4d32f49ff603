/** A manifest as bytes: a line that says what it is and proves it whole, then JSON. */
import { KurobeError } from "../core/errors.ts";
import { type Plan } from "../plan/plan.ts";
import { sha256Of } from "./file-hash.ts";

export const MANIFEST_FORMAT = 1;

/** One immutable Parquet file of one stored table. */
export interface ChunkRecord {
  /** No other chunk of the data directory ever has it. */
  readonly id: number;
  /** The stored table's name. */
  readonly dataset: string;
  /**
   * The event day, month or year that all its rows lie in (`2026-05-01`, `2026-05`, `2026`), or
   * `all`.
   */
  readonly partition: string;
  /** Relative to the data directory, with forward slashes. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** Microseconds since the epoch, as text; inclusive, as the next one. */
  readonly minEventTimeUs: string;
  readonly maxEventTimeUs: string;
  readonly minSeq: number;
  readonly maxSeq: number;
  readonly sha256: string;
  /** The dataset's columns as the file has them, hidden ones aside. */
  readonly columns: readonly ColumnRecord[];
  readonly tier: "hot";
}

export interface ColumnRecord {
  readonly name: string;
  /** As DuckDB writes it: `BIGINT`, `DECIMAL(18,4)`. */
  readonly type: string;
}

export interface FileRecord {
  /** Relative to the data directory, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  /** Grows by one with every manifest. */
  readonly number: number;
  readonly createdAtUs: string;
  /** Why it was written, in one word or two. */
  readonly reason: string;
  readonly plan: Plan;
  readonly logId: string;
  /** Everything up to and with this log position is in the chunks and the state. */
  readonly position: number;
  readonly chunks: readonly ChunkRecord[];
  readonly state: FileRecord;
  readonly nextChunkId: number;
}

/** Chunks of one schema share it in the file: there may be thousands of them. */
type StoredChunk = Omit<ChunkRecord, "columns"> & { readonly schema: number };

type StoredManifest = Omit<Manifest, "chunks" | "format"> & {
  readonly schemas: readonly (readonly ColumnRecord[])[];
  readonly chunks: readonly StoredChunk[];
};

/**
 * This line stays as it is in every version, so that each one knows a newer file from a damaged
 * one.
 */
const HEADER = /^kurobe manifest (\d{1,9}) ([0-9a-f]{64})$/;

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { format, chunks, ...rest } = manifest;
  const schemas: (readonly ColumnRecord[])[] = [];
  const numbers = new Map<string, number>();
  const stored = chunks.map(({ columns, ...chunk }): StoredChunk => {
    const text = JSON.stringify(columns);
    const schema = numbers.get(text) ?? schemas.push(columns) - 1;
    numbers.set(text, schema);
    return { ...chunk, schema };
  });
  const file: StoredManifest = { ...rest, schemas, chunks: stored };
  const body = Buffer.from(`${JSON.stringify(file)}\n`);
  return Buffer.concat([
    Buffer.from(`kurobe manifest ${format} ${checksum(format, body)}\n`),
    body,
  ]);
}

function checksum(format: number, body: Uint8Array): string {
  return sha256Of(Buffer.concat([Buffer.from(`${format}\n`), body]));
}

/**
 * The manifest, or in words why these bytes are not manifest `number`. Throws KRB_STORAGE_FORMAT
 * for one that is whole and of a newer format.
 */
export function decodeManifest(bytes: Uint8Array, number: number): Manifest | string {
  const end = bytes.indexOf(10);
  const header = HEADER.exec(Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString("latin1"));
  if (header === null) return "its first line is damaged";
  const format = Number(header[1]);
  const body = bytes.subarray(end + 1);
  if (header[2] !== checksum(format, body)) return "its checksum does not match";
  if (format !== MANIFEST_FORMAT) {
    throw new KurobeError(
      "KRB_STORAGE_FORMAT",
      `manifest ${number} has format ${format}; this version reads ${MANIFEST_FORMAT}`,
      { details: { number, format } },
    );
  }
  const stored = parseJson(body);
  return storedProblem(stored, number) ?? fromStored(stored as StoredManifest);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function fromStored({ schemas, chunks, ...rest }: StoredManifest): Manifest {
  return {
    format: MANIFEST_FORMAT,
    ...rest,
    chunks: chunks.map(({ schema, ...chunk }) => ({ ...chunk, columns: schemas[schema] ?? [] })),
  };
}

type Shape<T> = Readonly<Record<keyof T, (value: unknown) => boolean>>;

const CHUNK_SHAPE: Shape<StoredChunk> = {
  id: isCount,
  dataset: isName,
  partition: isName,
  path: isSafePath,
  rows: isCount,
  bytes: isCount,
  minEventTimeUs: isMicroseconds,
  maxEventTimeUs: isMicroseconds,
  minSeq: isCount,
  maxSeq: isCount,
  sha256: isSha256,
  schema: isCount,
  tier: (value) => value === "hot",
};

const FILE_SHAPE: Shape<FileRecord> = { path: isSafePath, bytes: isCount, sha256: isSha256 };

const COLUMN_SHAPE: Shape<ColumnRecord> = { name: isText, type: isText };

const MANIFEST_SHAPE: Shape<StoredManifest> = {
  number: isCount,
  createdAtUs: isMicroseconds,
  reason: isText,
  plan: isPlan,
  logId: isText,
  position: isCount,
  schemas: Array.isArray,
  chunks: Array.isArray,
  state: (value) => wrongField(value, FILE_SHAPE) === undefined,
  nextChunkId: isCount,
};

/** A checksum says that the bytes are those that were written, not that Kurobe wrote them. */
function storedProblem(value: unknown, number: number): string | undefined {
  const wrong = wrongField(value, MANIFEST_SHAPE);
  if (wrong !== undefined) return `its ${wrong} is not what it should be`;
  const stored = value as StoredManifest;
  if (stored.number !== number) return `it says that it is manifest ${stored.number}`;
  if (!stored.state.path.startsWith("state/")) return "its state lies elsewhere";
  for (const schema of stored.schemas) {
    const isSchema = Array.isArray(schema) && schema.every((one) => !wrongField(one, COLUMN_SHAPE));
    if (!isSchema) return "a schema is not what it should be";
  }
  return chunksProblem(stored);
}

function chunksProblem({ chunks, schemas, nextChunkId }: StoredManifest): string | undefined {
  const ids = new Set<number>();
  for (const [index, chunk] of chunks.entries()) {
    const wrong = wrongField(chunk, CHUNK_SHAPE);
    if (wrong !== undefined) return `the ${wrong} of chunk ${index} is not what it should be`;
    const { id, dataset, partition, path, schema } = chunk;
    if (path !== chunkPath(dataset, partition, id)) return `chunk ${id} lies elsewhere: ${path}`;
    if (schema >= schemas.length) return `chunk ${id} has no schema`;
    if (id >= nextChunkId) return `chunk ${id} has a number that was not given yet`;
    if (BigInt(chunk.minEventTimeUs) > BigInt(chunk.maxEventTimeUs))
      return `chunk ${id} ends early`;
    ids.add(id);
  }
  return ids.size === chunks.length ? undefined : "two chunks have the same number";
}

/** Where a chunk lies in the data directory: the numbers alone keep two from sharing a file. */
export function chunkPath(dataset: string, partition: string, id: number): string {
  return `chunks/${dataset}/${partition}/${String(id).padStart(10, "0")}.parquet`;
}

/** The first field whose value does not fit, or that is missing. */
function wrongField<T>(value: unknown, shape: Shape<T>): string | undefined {
  if (typeof value !== "object" || value === null) return "content";
  const record = value as Readonly<Record<string, unknown>>;
  return (Object.keys(shape) as (keyof T & string)[]).find(
    (field) => !Object.hasOwn(record, field) || !shape[field](record[field]),
  );
}

const SAFE_PATH = /^(?:chunks|state)(?:\/[A-Za-z0-9_.-]+)+$/;
const NAME = /^[A-Za-z0-9_.-]+$/;

/**
 * Whether a path may stand in a manifest. Reads and restores follow it, so it leads nowhere but
 * into the data directory: relative, without `..`, `\`, NUL or anything else that a system could
 * understand.
 */
export function isSafePath(value: unknown): value is string {
  if (typeof value !== "string" || !SAFE_PATH.test(value)) return false;
  return value.split("/").every((part) => !/^\.+$/.test(part));
}

function isName(value: unknown): boolean {
  return typeof value === "string" && NAME.test(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isMicroseconds(value: unknown): boolean {
  return typeof value === "string" && /^-?\d{1,18}$/.test(value);
}

function isSha256(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isPlan(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const plan = value as Partial<Plan>;
  return isText(plan.fingerprint) && Array.isArray(plan.datasets) && Array.isArray(plan.windows);
}
