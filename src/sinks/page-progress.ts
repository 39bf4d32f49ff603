/** How far the deliveries of one page are: the cursor follows while later ones are on their way. */
import { type Delivery } from "./delivery.ts";
import { type Page } from "./page-reader.ts";

export interface DeliveredCounts {
  readonly delivered: number;
  readonly skipped: number;
}

/** Everything up to `seq` is settled; the counts are what came since the last call. */
type Advance = (seq: number, counts: DeliveredCounts) => void;

export class PageProgress {
  readonly #page: Page;
  readonly #advance: Advance;
  /** By `_seq`; of rows behind the first one that is open. */
  readonly #settled = new Map<number, keyof DeliveredCounts>();
  #done = 0;

  constructor(page: Page, advance: Advance) {
    this.#page = page;
    this.#advance = advance;
  }

  /** Up to the first row that is not settled: a page that is cut short is not done again. */
  settle(batch: readonly Delivery[], outcome: keyof DeliveredCounts): void {
    for (const { seq } of batch) this.#settled.set(seq, outcome);
    const { deliveries, throughSeq } = this.#page;
    const counts = { delivered: 0, skipped: 0 };
    const before = this.#done;
    for (; this.#done < deliveries.length; this.#done++) {
      const seq = deliveries[this.#done]?.seq ?? 0;
      const own = this.#settled.get(seq);
      if (own === undefined) break;
      this.#settled.delete(seq);
      counts[own] += 1;
    }
    if (this.#done === before) return;
    const isWhole = this.#done === deliveries.length;
    this.#advance(isWhole ? throughSeq : (deliveries[this.#done - 1]?.seq ?? 0), counts);
  }
}
