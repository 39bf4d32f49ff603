/** A table whose rows come one after the other: its columns grow where they must, and say so. */
import { fitTable, hiddenLines, type TableColumn, type TableOptions } from "./table.ts";
import { printable, widthOf } from "./text-width.ts";

export class GrowingTable {
  readonly #columns: readonly TableColumn[];
  readonly #options: TableOptions;
  #natural: readonly number[] = [];
  #layout: ReturnType<typeof fitTable> | undefined;

  constructor(columns: readonly TableColumn[], options: TableOptions) {
    this.#columns = columns;
    this.#options = options;
    this.#natural = columns.map(({ name }) => widthOf(printable(name)));
  }

  /** The lines to print for these rows: with the header where there is none yet that fits them. */
  add(rows: readonly (readonly string[])[]): readonly string[] {
    if (rows.length === 0) return [];
    const texts = rows.map((row) => this.#columns.map((_, index) => printable(row[index] ?? "")));
    const natural = this.#natural.map((width, index) =>
      texts.reduce((most, row) => Math.max(most, widthOf(row[index] ?? "")), width),
    );
    const head = this.#grow(natural);
    return [...head, ...texts.map((row) => this.#layout?.row(row) ?? "")];
  }

  #grow(natural: readonly number[]): readonly string[] {
    const before = this.#layout;
    const isWider = natural.some((width, index) => width > (this.#natural[index] ?? 0));
    if (before !== undefined && !isWider) return [];
    this.#natural = natural;
    const layout = fitTable(this.#columns, natural, this.#options);
    // On a full screen a longer cell is clipped, and nothing moves.
    if (before !== undefined && before.widths.join() === layout.widths.join()) return [];
    this.#layout = layout;
    return [...(before === undefined ? [] : [before.bottom]), ...layout.head];
  }

  end(): readonly string[] {
    if (this.#layout === undefined) return [];
    return [this.#layout.bottom, ...hiddenLines(this.#layout, this.#options)];
  }
}
