/**
 * Arrow IPC stream: DuckDB's vectors become Arrow's with a copy of their bytes, no values in
 * between.
 */
import {
  Binary,
  Bool,
  Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from "apache-arrow";
import { type Column, type ColumnVector, type ResultChunk } from "../../duckdb/duckdb.ts";
import { type Rows, uniqueNames } from "./format.ts";

/** A batch this large costs its readers and us nothing a row; a chunk of DuckDB's would. */
const BATCH_ROWS = 32_768;

/**
 * Timestamps are in UTC and microseconds, decimals 128 bits wide. HUGEINT and what Arrow has no
 * flat type for (lists, structs, intervals, …) is text, nested values as JSON.
 */
export async function* encodeArrow(rows: Rows): AsyncGenerator<Uint8Array> {
  const names = uniqueNames(rows.columns);
  const types = rows.columns.map(arrowType);
  const schema = new Schema(types.map((type, i) => new Field(names[i] ?? "", type, true)));
  const writer = new PieceWriter();
  writer.reset(undefined, schema);
  let pending = types.map(() => [] as Part[]);
  let pendingRows = 0;
  const flush = (): Uint8Array => {
    const children = types.map((type, i) => joined(type, pending[i] ?? [], pendingRows));
    const data = makeData({ type: new Struct(schema.fields), length: pendingRows, children });
    pending = types.map(() => []);
    pendingRows = 0;
    writer.write(new RecordBatch(schema, data));
    return writer.takePieces();
  };
  for await (const chunk of rows.chunks) {
    takeChunk(chunk, pending);
    pendingRows += chunk.rowCount;
    if (pendingRows >= BATCH_ROWS) yield flush();
  }
  if (pendingRows > 0) yield flush();
  writer.finish();
  yield writer.takePieces();
}

function arrowType(column: Column): DataType {
  switch (column.layout) {
    case "boolean":
      return new Bool();
    case "int8":
      return new Int8();
    case "int16":
      return new Int16();
    case "int32":
      return new Int32();
    case "int64":
      return new Int64();
    case "uint8":
      return new Uint8();
    case "uint16":
      return new Uint16();
    case "uint32":
      return new Uint32();
    case "uint64":
      return new Uint64();
    case "float32":
      return new Float32();
    case "float64":
      return new Float64();
    case "decimal":
      return new Decimal(column.scale, column.precision, 128);
    case "date":
      return new DateDay();
    case "timestamp":
      return new TimestampMicrosecond("UTC");
    case "blob":
      return new Binary();
    case "text":
    case "hugeint":
    case "other":
      return new Utf8();
  }
}

/** A column of one chunk, copied: the chunk's memory goes when the next one is fetched. */
interface Part {
  readonly rowCount: number;
  /** Fixed-width values, or the bytes of all texts one after the other. */
  readonly bytes: Uint8Array;
  /** Sizes of the texts; null for fixed-width values. */
  readonly sizes: Int32Array | null;
  /** As in `ColumnVector`. */
  readonly validity: Uint8Array | null;
}

function takeChunk(chunk: ResultChunk, into: readonly Part[][]): void {
  chunk.columns.forEach((vector, index) => into[index]?.push(takeColumn(vector)));
}

function takeColumn(vector: ColumnVector): Part {
  const { layout, bytes } = vector.column;
  const validity = vector.validity === null ? null : Uint8Array.from(vector.validity);
  const rest = { rowCount: vector.rowCount, validity };
  if (layout === "text" || layout === "blob") {
    return { ...rest, ...takeTexts(vector, (row) => vector.bytesAt(row)) };
  }
  if (layout === "hugeint" || layout === "other") {
    return { ...rest, ...takeTexts(vector, (row) => Buffer.from(portableText(vector, row))) };
  }
  if (layout === "decimal" && bytes < 16) return { ...rest, sizes: null, bytes: widened(vector) };
  return { ...rest, sizes: null, bytes: Uint8Array.from(vector.data) };
}

function portableText(vector: ColumnVector, row: number): string {
  const value = vector.portableAt(row);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function takeTexts(
  vector: ColumnVector,
  textAt: (row: number) => Uint8Array,
): { bytes: Uint8Array; sizes: Int32Array } {
  const sizes = new Int32Array(vector.rowCount);
  let bytes = new Uint8Array(vector.rowCount * 16);
  let used = 0;
  for (let row = 0; row < vector.rowCount; row++) {
    if (!vector.isValid(row)) continue;
    const text = textAt(row);
    if (used + text.length > bytes.length) {
      const larger = new Uint8Array(Math.max(bytes.length * 2, used + text.length));
      larger.set(bytes.subarray(0, used));
      bytes = larger;
    }
    bytes.set(text, used);
    used += text.length;
    sizes[row] = text.length;
  }
  return { bytes: bytes.subarray(0, used), sizes };
}

/** Decimals of 2, 4 or 8 bytes with their sign carried on to 16. */
function widened(vector: ColumnVector): Uint8Array {
  const { data, rowCount, column } = vector;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const wide = new BigInt64Array(rowCount * 2);
  for (let row = 0; row < rowCount; row++) {
    const at = row * column.bytes;
    const value =
      column.bytes === 8
        ? view.getBigInt64(at, true)
        : BigInt(column.bytes === 4 ? view.getInt32(at, true) : view.getInt16(at, true));
    wide[row * 2] = value;
    wide[row * 2 + 1] = value < 0n ? -1n : 0n;
  }
  return new Uint8Array(wide.buffer);
}

function joined(type: DataType, parts: readonly Part[], length: number): Data {
  const bytes = concatenated(parts.map((part) => part.bytes));
  const { count, mask } = joinedValidity(parts, length);
  if (type instanceof Bool) return arrowData(type, length, count, [undefined, bits(bytes), mask]);
  if (parts[0]?.sizes === null) {
    return arrowData(type, length, count, [undefined, typed(type, bytes), mask]);
  }
  return arrowData(type, length, count, [joinedOffsets(parts, length), bytes, mask]);
}

type ArrowBuffers = readonly [Int32Array | undefined, Uint8Array, Uint8Array | undefined];

/** Offsets, values, validity: the library's own type for them depends on the column's type. */
function arrowData(type: DataType, length: number, nulls: number, buffers: ArrowBuffers): Data {
  return new Data(type, 0, length, nulls, buffers as unknown as Data["buffers"]);
}

function typed(type: DataType, bytes: Uint8Array): Uint8Array {
  const { ArrayType } = type as { ArrayType: new (buffer: ArrayBufferLike) => Uint8Array };
  return new ArrayType(bytes.buffer);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function joinedOffsets(parts: readonly Part[], length: number): Int32Array {
  const offsets = new Int32Array(length + 1);
  let row = 0;
  let end = 0;
  for (const { sizes } of parts) {
    for (const size of sizes ?? []) {
      end += size;
      offsets[++row] = end;
    }
  }
  return offsets;
}

function joinedValidity(
  parts: readonly Part[],
  length: number,
): { count: number; mask: Uint8Array | undefined } {
  if (parts.every((part) => part.validity === null)) return { count: 0, mask: undefined };
  const mask = new Uint8Array(Math.ceil(length / 8));
  let row = 0;
  let valid = 0;
  for (const { rowCount, validity } of parts) {
    for (let i = 0; i < rowCount; i++, row++) {
      if (validity !== null && ((validity[i >> 3] ?? 0) & (1 << (i & 7))) === 0) continue;
      mask[row >> 3] = (mask[row >> 3] ?? 0) | (1 << (row & 7));
      valid += 1;
    }
  }
  return { count: length - valid, mask };
}

/** A byte a value becomes a bit a value. */
function bits(bytes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(bytes.length / 8));
  bytes.forEach((byte, i) => {
    if (byte !== 0) packed[i >> 3] = (packed[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return packed;
}

/** The library's own sink is a queue without a bound; here the reader sets the pace. */
class PieceWriter extends RecordBatchStreamWriter {
  #pieces: Uint8Array[] = [];

  protected override _write(chunk: unknown): this {
    const bytes = chunk instanceof Uint8Array ? chunk : asBytes(chunk);
    if (bytes.byteLength > 0) {
      this.#pieces.push(bytes);
      this._position += bytes.byteLength;
    }
    return this;
  }

  takePieces(): Uint8Array {
    const taken = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return taken;
  }
}

function asBytes(chunk: unknown): Uint8Array {
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength);
  }
  return new Uint8Array(chunk as ArrayBuffer);
}
