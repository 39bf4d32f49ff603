/** Draws the first rows of a result, and leaves the rest unread. */
import { KurobeError } from "../../core/errors.ts";
import { showElapsed, showMany, showTime } from "../figures.ts";
import { type Output, toJson } from "../output.ts";
import { chunksOf } from "../read-lines.ts";

interface ResultColumn {
  readonly name: string;
  /** As DuckDB calls it. */
  readonly type: string;
}

export interface FirstRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly unknown[])[];
  /** Of the whole result; undefined where it was not read to its end. */
  readonly rowCount: number | undefined;
  readonly elapsedMs: number | undefined;
}

/**
 * Reads at most `maxRows` rows. The server writes `{"columns":[…],"rows":[`, one row a line, and
 * `],"rowCount":n,"elapsedMs":n}`, so a reader can stop anywhere without parsing what it skips.
 */
export async function readFirstRows(response: Response, maxRows: number): Promise<FirstRows> {
  const rows: (readonly unknown[])[] = [];
  let columns: readonly ResultColumn[] | undefined;
  for await (const line of linesOf(response)) {
    if (columns === undefined) {
      ({ columns } = JSON.parse(`${line}]}`) as { readonly columns: readonly ResultColumn[] });
    } else if (line.startsWith("]")) {
      const { rowCount, elapsedMs } = JSON.parse(`{"rows":[${line}`) as {
        readonly rowCount: number;
        readonly elapsedMs: number;
      };
      return { columns, rows, rowCount, elapsedMs };
    } else if (rows.length < maxRows) {
      rows.push(JSON.parse(line.replace(/,$/, "")) as readonly unknown[]);
    } else {
      return { columns, rows, rowCount: undefined, elapsedMs: undefined };
    }
  }
  throw new KurobeError("KRB_CLI_ANSWER", "The answer ended before the result did");
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunksOf(response)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

export function showRows({ columns, rows, rowCount, elapsedMs }: FirstRows, output: Output): void {
  output.table(
    columns.map(({ name, type }) => ({ name, align: isNumeric(type) ? "right" : "left" })),
    rows.map((row) => row.map((value, index) => showValue(value, columns[index]?.type ?? ""))),
  );
  const time = elapsedMs === undefined ? "" : ` in ${showElapsed(elapsedMs)}`;
  const text =
    rowCount === undefined
      ? `the first ${showMany(rows.length, "row")}; --rows shows more, --output saves all`
      : `${showMany(rowCount, "row")}${time}`;
  output.line(output.paint.dim(text));
}

function isNumeric(type: string): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|FLOAT|DOUBLE|DECIMAL)/.test(type);
}

function showValue(value: unknown, type: string): string {
  if (value === null) return "NULL";
  if (typeof value !== "string") return toJson(value);
  return type.startsWith("TIMESTAMP") ? showTime(value) : value;
}
