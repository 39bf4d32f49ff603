/** Draws rows as a table that fits the screen. */
import { clipText, padText, printable, widthOf } from "./text-width.ts";

export interface TableColumn {
  readonly name: string;
  /** Numbers stand right, so that their digits line up. */
  readonly align?: "left" | "right";
  /** Half a number or a time would mislead: such a column is shown whole or left out. */
  readonly isWhole?: boolean;
}

export interface TableOptions {
  /** Infinity where nothing must be cut: files and pipes. */
  readonly columns: number;
  /** Paints the frame and the header; the text itself is safe already. */
  readonly dim?: (text: string) => string;
  readonly bold?: (text: string) => string;
}

const NARROWEST = 6;
const HIDDEN: TableColumn = { name: "…" };

/**
 * Lines of the table. Cells are made safe to print. Where the columns do not fit, wide ones are
 * clipped first, then columns in the middle are left out and the last line says how many.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): readonly string[] {
  const texts = rows.map((row) => columns.map((_, index) => printable(row[index] ?? "")));
  const natural = columns.map(({ name }, index) =>
    texts.reduce(
      (width, row) => Math.max(width, widthOf(row[index] ?? "")),
      widthOf(printable(name)),
    ),
  );
  const table = fitTable(columns, natural, options);
  return [...table.head, ...texts.map(table.row), table.bottom, ...hiddenLines(table, options)];
}

/** What is written below a table of which columns are left out. */
export function hiddenLines(
  { hidden }: FittedTable,
  { dim = same }: TableOptions,
): readonly string[] {
  return hidden === 0 ? [] : [dim(`${hidden} columns do not fit the screen`)];
}

/** What a table looks like once the widths are known that its columns would like to have. */
interface FittedTable {
  readonly widths: readonly number[];
  /** How many columns are left out. */
  readonly hidden: number;
  /** The rule on top, the names, the rule below them. */
  readonly head: readonly string[];
  readonly bottom: string;
  /** Cells are safe to print already. */
  readonly row: (cells: readonly string[]) => string;
}

export function fitTable(
  columns: readonly TableColumn[],
  natural: readonly number[],
  options: TableOptions,
): FittedTable {
  const least = natural.map((width, index) =>
    columns[index]?.isWhole === true ? width : Math.min(width, NARROWEST),
  );
  const shown = chooseColumns(least, options.columns);
  const hidden = columns.length - shown.filter((index) => index >= 0).length;
  const pick = <T>(list: readonly T[], gap: T): readonly T[] =>
    shown.map((index) => list[index] ?? gap);
  const widths = fitWidths(pick(natural, 1), pick(least, 1), options.columns);
  const heads = pick(columns, HIDDEN);
  const { dim = same, bold = same } = options;
  const rule = (left: string, middle: string, right: string): string =>
    dim(left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right);
  const line = (cells: readonly string[], paint: (text: string) => string): string => {
    const padded = cells.map((cell, index) => {
      const width = widths[index] ?? 0;
      return ` ${paint(padText(clipText(cell, width), width, heads[index]?.align ?? "left"))} `;
    });
    return dim("│") + padded.join(dim("│")) + dim("│");
  };
  const names = heads.map(({ name }) => printable(name));
  return {
    widths,
    hidden,
    head: [rule("┌", "┬", "┐"), line(names, bold), rule("├", "┼", "┤")],
    bottom: rule("└", "┴", "┘"),
    row: (cells) => line(pick(cells, "…"), same),
  };
}

function same(text: string): string {
  return text;
}

/** Each column costs two spaces and a bar, and there is one bar more. */
function overhead(count: number): number {
  return 3 * count + 1;
}

/** Indexes of the columns to show; -1 stands for those left out. */
function chooseColumns(narrowest: readonly number[], available: number): readonly number[] {
  const all = narrowest.map((_, index) => index);
  const least = (indexes: readonly number[]): number =>
    indexes.reduce((sum, index) => sum + (narrowest[index] ?? 1), 0) + overhead(indexes.length);
  if (least(all) <= available) return all;
  const left: number[] = [];
  const right: number[] = [];
  for (let step = 0; step < all.length; step++) {
    const side = step % 2 === 0 ? left : right;
    const index = step % 2 === 0 ? left.length : all.length - 1 - right.length;
    side.push(index);
    if (least([...left, -1, ...right]) > available && left.length > 1) {
      side.pop();
      break;
    }
  }
  return [...left, -1, ...right.toReversed()];
}

/** Takes cells from the widest columns until the table fits. */
function fitWidths(
  natural: readonly number[],
  narrowest: readonly number[],
  available: number,
): readonly number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, overhead(widths.length)) - available;
  while (excess > 0 && Number.isFinite(excess)) {
    const spare = widths.map((width, index) => (width > (narrowest[index] ?? 1) ? width : 0));
    const widest = Math.max(...spare);
    if (widest === 0) break;
    const index = spare.indexOf(widest);
    const next = Math.max(narrowest[index] ?? 1, ...spare.filter((width) => width < widest));
    const cut = Math.min(excess, widest - Math.min(next, widest - 1));
    widths[index] = widest - cut;
    excess -= cut;
  }
  return widths;
}
