/** CSV as RFC 4180 has it, with a header line. */
import { Bytes } from "./bytes.ts";
import { cellWriter } from "./cell.ts";
import { type Rows } from "./format.ts";
import { writeText } from "./text.ts";

const COMMA = 0x2c;
const LINE_FEED = 0x0a;

/**
 * NULL is nothing between two commas, an empty text is `""`. Text is written as it is: a cell that
 * begins with `=` is a formula to a spreadsheet, so open files from strangers as text there.
 */
export async function* encodeCsv(rows: Rows): AsyncGenerator<Uint8Array> {
  const out = new Bytes();
  rows.columns.forEach(({ name }, index) => {
    if (index > 0) out.byte(COMMA);
    writeText(out, name, 0, "csv");
  });
  out.byte(LINE_FEED);
  for await (const chunk of rows.chunks) {
    const writers = chunk.columns.map((vector) => cellWriter(vector, "csv"));
    // A single NULL would be an empty line, which readers skip.
    const isLone = writers.length === 1;
    const [only] = chunk.columns;
    for (let row = 0; row < chunk.rowCount; row++) {
      if (isLone && only?.isValid(row) === false) out.ascii('""');
      for (let column = 0; column < writers.length; column++) {
        if (column > 0) out.byte(COMMA);
        writers[column]?.(out, row);
      }
      out.byte(LINE_FEED);
    }
    yield out.take();
  }
  if (out.length > 0) yield out.take();
}
