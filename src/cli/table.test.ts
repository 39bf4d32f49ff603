import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderTable } from "./table.ts";
import { clipText, printable, widthOf } from "./text-width.ts";

const ROWS = [
  ["AAPL", "189.25", "first of the day"],
  ["東京電力", "7.5", ""],
];
const COLUMNS = [{ name: "symbol" }, { name: "price", align: "right" as const }, { name: "note" }];

describe("a table", () => {
  it("lines up wide characters and numbers", () => {
    expect(renderTable(COLUMNS, ROWS, { columns: 80 })).toEqual([
      "┌──────────┬────────┬──────────────────┐",
      "│ symbol   │  price │ note             │",
      "├──────────┼────────┼──────────────────┤",
      "│ AAPL     │ 189.25 │ first of the day │",
      "│ 東京電力 │    7.5 │                  │",
      "└──────────┴────────┴──────────────────┘",
    ]);
  });

  it("clips the widest columns first where the screen is narrow", () => {
    expect(renderTable(COLUMNS, ROWS, { columns: 32 })[3]).toBe("│ AAPL     │ 189.25 │ first o… │");
  });

  it("leaves out columns in the middle where clipping is not enough, and says so", () => {
    const columns = Array.from({ length: 12 }, (_, index) => ({ name: `column_${index}` }));
    const lines = renderTable(columns, [columns.map(() => "0123456789")], { columns: 50 });
    expect(lines[1]).toMatch(/^│ colum… .* … .* colum… │$/);
    expect(lines.at(-1)).toMatch(/^\d+ columns do not fit/);
  });

  it("never lets data move the cursor", () => {
    const lines = renderTable([{ name: "x" }], [["a\nb\u001b[2Jc\u009b1m\u202e"]], { columns: 80 });
    expect(lines).toHaveLength(5);
    expect(lines[3]).toBe("│ a↵b\\u001b[2Jc\\u009b1m\\u202e │");
  });

  it("fits any screen, with lines of one width", () => {
    const row = fc.array(fc.string({ unit: "grapheme", maxLength: 40 }), { maxLength: 8 });
    const sizes = fc.integer({ min: 40, max: 200 });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), sizes, (rows, columns) => {
        const count = Math.max(1, ...rows.map((cells) => cells.length));
        const heads = Array.from({ length: count }, (_, index) => ({ name: `c${index}` }));
        const lines = renderTable(heads, rows, { columns });
        const drawn = lines.filter((line) => /^[┌│├└]/.test(line));
        expect(new Set(drawn.map(widthOf)).size).toBe(1);
        expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

describe("the width of text", () => {
  it.each([
    ["", 0],
    ["abc", 3],
    ["日本語", 6],
    ["한국", 4],
    ["ｆｕｌｌ", 8],
    ["e\u0301", 1],
    ["👍", 2],
    ["👨‍👩‍👧", 2],
    ["\u200b", 0],
  ])("of %j is %d cells", (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  it("is kept by a clip, which never cuts a character in half", () => {
    expect(clipText("日本語", 4)).toBe("日…");
    expect(clipText("日本語", 6)).toBe("日本語");
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.integer({ min: 1, max: 30 }),
        (text, room) => {
          expect(widthOf(clipText(printable(text), room))).toBeLessThanOrEqual(room);
        },
      ),
    );
  });
});
