import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitFile, type Piece, type SplitOptions } from "./split-file.ts";

const MAX_BYTES = 1_000_000;

async function split(
  text: string,
  chunkBytes: number,
  options: Partial<SplitOptions> & Pick<SplitOptions, "format">,
): Promise<readonly Piece[]> {
  const bytes = Buffer.from(text);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  };
  const pieces: Piece[] = [];
  const full = { targetBytes: 64, maxBytes: MAX_BYTES, path: "a file", ...options };
  for await (const piece of splitFile(chunks(), full)) pieces.push(piece);
  return pieces;
}

function textOf({ bytes }: Piece): string {
  return Buffer.from(bytes).toString();
}

const sizes = fc.record({
  chunkBytes: fc.integer({ min: 1, max: 90 }),
  targetBytes: fc.integer({ min: 1, max: 200 }),
});

const jsonLine = fc
  .record({ text: fc.string({ unit: "grapheme", maxLength: 30 }) })
  .map((row) => JSON.stringify(row));

const field = fc.oneof(
  fc.string({ maxLength: 12 }).map((text) => text.replace(/[",\r\n]/g, "'")),
  // Quotes in the middle of plain text are text.
  fc.constantFrom('5" pipe', 'say "hi"', 'x"'),
  fc
    .array(fc.constantFrom("a", ",", "\n", "\r\n", '""', "é"), { maxLength: 8 })
    .map((parts) => `"${parts.join("")}"`),
);
const record = fc.tuple(field, field).map(([a, b]) => `${a},${b}`);

describe("splitting", () => {
  it("gives NDJSON back whole, cut between lines only", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(jsonLine, { maxLength: 40 }), sizes, async (lines, size) => {
        const pieces = await split(lines.map((line) => `${line}\n`).join(""), size.chunkBytes, {
          format: "ndjson",
          targetBytes: size.targetBytes,
        });
        expect(pieces.flatMap((piece) => textOf(piece).trimEnd().split("\n"))).toEqual(lines);
      }),
    );
  });

  it("gives CSV back whole, cut between records only, each piece with the header", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 30 }), sizes, async (records, size) => {
        const header = '"first\ncolumn",second\n';
        const body = records.map((each) => `${each}\n`).join("");
        const pieces = await split(header + body, size.chunkBytes, {
          format: "csv",
          targetBytes: size.targetBytes,
        });
        expect(pieces.every((piece) => textOf(piece).startsWith(header))).toBe(true);
        const bodies = pieces.map((piece) => textOf(piece).slice(header.length));
        expect(bodies.join("").trimEnd()).toBe(body.trimEnd());
        // Every cut lies where one of the records ends.
        const ends = new Set([0]);
        for (const each of records) ends.add(Math.max(...ends) + each.length + 1);
        let at = 0;
        for (const part of bodies) {
          expect(ends).toContain(at);
          at += part.length;
        }
      }),
    );
  });

  it("says on which line of the file a line of a body is", async () => {
    const records = Array.from({ length: 40 }, (_, index) => `${index + 2},"x"`);
    const pieces = await split(`line,text\n${records.join("\n")}\n`, 7, { format: "csv" });
    expect(pieces.length).toBeGreaterThan(3);
    for (const piece of pieces) {
      const lines = textOf(piece).trimEnd().split("\n");
      lines.forEach((line, index) => {
        if (index > 0) expect(Number.parseInt(line, 10)).toBe(index + 1 + piece.lineShift);
      });
    }
  });

  it("cuts the same bytes at the same places, however they came", async () => {
    const text = fc.array(record, { maxLength: 30 }).map((each) => `a,b\n${each.join("\n")}`);
    const format = fc.constantFrom("csv" as const, "ndjson" as const);
    await fc.assert(
      fc.asyncProperty(text, sizes, format, async (written, { chunkBytes, targetBytes }, kind) => {
        const options = { format: kind, targetBytes };
        const pieces = await split(written, chunkBytes, options);
        expect(pieces.map(textOf)).toEqual((await split(written, 1 << 20, options)).map(textOf));
      }),
    );
  });

  it("fills bodies up to the size that was asked for", async () => {
    const text = '{"n":1}\n'.repeat(100);
    const pieces = await split(text, 1 << 20, { format: "ndjson", targetBytes: 100 });
    expect(pieces.slice(0, -1).every(({ bytes }) => bytes.length === 96)).toBe(true);
  });

  it("keeps JSON and Parquet whole", async () => {
    for (const format of ["json", "parquet"] as const) {
      const [piece, ...more] = await split(`[${"1,\n".repeat(100)}1]`, 10, { format });
      expect(more).toEqual([]);
      expect(piece?.bytes.length).toBe(303);
    }
  });

  it("sends nothing for a file without rows", async () => {
    for (const text of ["", "\n", " \r\n\n"]) {
      expect(await split(text, 10, { format: "ndjson" })).toEqual([]);
    }
  });

  it("refuses a record without an end instead of filling the memory", async () => {
    const endless = split(`a,b\n"${"x".repeat(500)}`, 10, { format: "csv", maxBytes: 300 });
    await expect(endless).rejects.toMatchObject({ code: "KRB_SOURCES_RECORD" });
  });
});
