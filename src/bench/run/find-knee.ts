/**
 * Looks for the highest rate that still goes well: up by a factor until one fails, then between the
 * last good and the first bad one, by halves on a logarithmic scale.
 */

export interface KneeSearch {
  readonly from: number;
  readonly to: number;
  readonly factor: number;
  /** Ends when the lowest bad rate is at most this share above the highest good one. */
  readonly precision: number;
}

/** What one try came to. */
export interface Probe {
  readonly rate: number;
  readonly isSustained: boolean;
  /** So far from good that the machine's noise cannot be the reason: not tried again. */
  readonly isHopeless: boolean;
}

export interface Knee<P extends Probe> {
  /** In the order in which they ran. */
  readonly probes: readonly P[];
  /** The highest rate that was sustained; undefined where none was. */
  readonly best: P | undefined;
  /** The lowest rate above it that was not; undefined where `to` was sustained. */
  readonly failedRate: number | undefined;
}

/** Below the first rate it looks at so many more before it gives up. */
const STEPS_DOWN = 6;

/**
 * Rates are whole numbers. A rate that fails is tried a second time: one hiccup of the machine must
 * not end the search. Ends early when `probe` gives undefined.
 */
export async function findKnee<P extends Probe>(
  { from, to, factor, precision }: KneeSearch,
  probe: (rate: number) => Promise<P | undefined>,
): Promise<Knee<P>> {
  const found = new Finding<P>(probe);
  let rate = from;
  while ((await found.attempt(rate)) === "good" && rate < to) {
    rate = Math.min(to, Math.round(rate * factor));
  }
  for (let step = 0; found.best === undefined && step < STEPS_DOWN && rate > 1; step++) {
    rate = Math.max(1, Math.round(rate / factor));
    if ((await found.attempt(rate)) === "ended") break;
  }
  for (;;) {
    const { best, failedRate } = found;
    if (found.isEnded || best === undefined || failedRate === undefined) break;
    const middle = Math.round(Math.sqrt(best.rate * failedRate));
    if (failedRate / best.rate <= 1 + precision) break;
    if (middle <= best.rate || middle >= failedRate) break;
    await found.attempt(middle);
  }
  return found;
}

class Finding<P extends Probe> implements Knee<P> {
  readonly probes: P[] = [];
  best: P | undefined;
  failedRate: number | undefined;
  isEnded = false;
  readonly #probe: (rate: number) => Promise<P | undefined>;

  constructor(probe: (rate: number) => Promise<P | undefined>) {
    this.#probe = probe;
  }

  async attempt(rate: number): Promise<"good" | "bad" | "ended"> {
    for (let round = 0; round < 2; round++) {
      const found = await this.#probe(rate);
      if (found === undefined) {
        this.isEnded = true;
        return "ended";
      }
      this.probes.push(found);
      if (found.isSustained) {
        this.best = found;
        return "good";
      }
      if (found.isHopeless) break;
    }
    this.failedRate = rate;
    return "bad";
  }
}
