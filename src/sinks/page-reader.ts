/** Reads what a sink is to deliver, page by page: the next one while the receiver has this one. */
import { type Engine } from "../engine/engine.ts";
import { type Delivery, type DeliveryRules } from "./delivery.ts";

export interface Page {
  readonly deliveries: readonly Delivery[];
  /** Nothing up to here is left to be delivered besides them. */
  readonly throughSeq: number;
}

export interface PageReaderDeps {
  readonly engine: Pick<Engine, "changePage">;
  readonly relation: string;
  readonly rules: DeliveryRules;
  /** Rows of a page, at most. */
  readonly maxRows: number;
}

/** Two pages of each sink are in memory: about this many characters of text in each. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;
/** A first page shows how wide rows are, and how many numbers are without a row. */
const FIRST_ROWS = 1_000;
/** Numbers that are looked at for one row: after merges most of them may have none. */
const MAX_SPAN_A_ROW = 2 ** 20;

interface Ahead {
  readonly afterSeq: number;
  readonly page: Promise<Page>;
}

export class PageReader {
  readonly #deps: PageReaderDeps;
  #rows: number;
  #spanARow = 1;
  #ahead: Ahead | null = null;

  constructor(deps: PageReaderDeps) {
    this.#deps = deps;
    this.#rows = Math.min(FIRST_ROWS, deps.maxRows);
  }

  /** The page behind `afterSeq`; `endSeq` is the first number that no visible row has. */
  async read(afterSeq: number, endSeq: number): Promise<Page> {
    const ahead = this.#ahead;
    this.#ahead = null;
    return await (ahead?.afterSeq === afterSeq ? ahead.page : this.#load(afterSeq, endSeq));
  }

  /** Begins to read what `read` is asked for next, if there is anything. */
  readAhead(afterSeq: number, endSeq: number): void {
    if (endSeq - 1 <= afterSeq) return;
    const page = this.#load(afterSeq, endSeq);
    // Who asks for it hears of a failure.
    page.catch(() => undefined);
    this.#ahead = { afterSeq, page };
  }

  /** A sink that waits for long holds no rows. */
  forget(): void {
    this.#ahead = null;
  }

  async #load(afterSeq: number, endSeq: number): Promise<Page> {
    const { engine, relation, rules } = this.#deps;
    const limit = this.#rows;
    const throughSeq = Math.min(endSeq - 1, afterSeq + limit * this.#spanARow);
    try {
      const wanted = { afterSeq, throughSeq, limit, characters: PAGE_CHARACTERS };
      const page = await engine.changePage(relation, wanted);
      this.#learn(page.changes.length, page.throughSeq - afterSeq, page.characters);
      const deliveries = page.changes.flatMap((change) => rules.deliveryOf(change) ?? []);
      return { deliveries, throughSeq: page.throughSeq };
    } catch (error) {
      // Rows that are wider than those before them may not fit into memory.
      this.#rows = Math.max(1, Math.floor(this.#rows / 8));
      throw error;
    }
  }

  /** What the next page can have: as many rows as fit, out of as many numbers as that takes. */
  #learn(rows: number, span: number, characters: number): void {
    const fitting = Math.floor((PAGE_CHARACTERS * rows) / Math.max(1, characters));
    const most = Math.min(this.#deps.maxRows, this.#rows * 2);
    this.#rows = Math.max(1, rows === 0 ? most : Math.min(most, fitting));
    const isSparse = rows * 2 < span;
    const spanARow = isSparse ? Math.ceil(span / Math.max(1, rows)) : 1;
    this.#spanARow = Math.min(MAX_SPAN_A_ROW, this.#spanARow * 4, spanARow);
  }
}
