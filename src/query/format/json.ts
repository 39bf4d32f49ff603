/** JSON in one object, and NDJSON with an object a row. */
import { Bytes } from "./bytes.ts";
import { cellWriter, type CellWriter } from "./cell.ts";
import { type Rows, uniqueNames } from "./format.ts";

const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CLOSE_OBJECT = 0x7d;

/**
 * `{"columns":[{"name","type"}],"rows":[[…],…],"rowCount":n,"elapsedMs":n}`. A cut connection
 * leaves it without its end, so half a result cannot be taken for a whole one.
 */
export async function* encodeJson(rows: Rows): AsyncGenerator<Uint8Array> {
  const startedAt = performance.now();
  const out = new Bytes();
  const columns = rows.columns.map(({ name, type }) => ({ name, type }));
  out.text(`{"columns":${JSON.stringify(columns)},"rows":[`);
  let rowCount = 0;
  for await (const chunk of rows.chunks) {
    const writers = chunk.columns.map((vector) => cellWriter(vector, "json"));
    for (let row = 0; row < chunk.rowCount; row++) {
      if (rowCount++ > 0) out.byte(COMMA);
      out.byte(LINE_FEED);
      out.byte(OPEN);
      for (let column = 0; column < writers.length; column++) {
        if (column > 0) out.byte(COMMA);
        writers[column]?.(out, row);
      }
      out.byte(CLOSE);
    }
    yield out.take();
  }
  const elapsedMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
  out.ascii(`\n],"rowCount":${rowCount},"elapsedMs":${elapsedMs}}\n`);
  yield out.take();
}

/** One object a row and line. Columns of one name get `_1`, `_2` … added. */
export async function* encodeNdjson(rows: Rows): AsyncGenerator<Uint8Array> {
  const out = new Bytes();
  const keys = objectKeys(uniqueNames(rows.columns));
  for await (const chunk of rows.chunks) {
    const writers = chunk.columns.map((vector) => cellWriter(vector, "json"));
    for (let row = 0; row < chunk.rowCount; row++) {
      writeObject(out, keys, writers, row);
      out.byte(LINE_FEED);
    }
    yield out.take();
  }
}

/** What stands before each value of an object. */
export function objectKeys(names: readonly string[]): readonly Uint8Array[] {
  return names.map((name, index) =>
    Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`),
  );
}

export function writeObject(
  out: Bytes,
  keys: readonly Uint8Array[],
  writers: readonly CellWriter[],
  row: number,
): void {
  for (let column = 0; column < writers.length; column++) {
    const key = keys[column];
    if (key !== undefined) out.raw(key, 0, key.length);
    writers[column]?.(out, row);
  }
  out.byte(CLOSE_OBJECT);
}
