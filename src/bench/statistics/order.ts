/** Figures that depend on the order of values alone: quantiles and ranks. */

export function ascending(values: readonly number[] | Float64Array): Float64Array {
  return Float64Array.from(values).sort();
}

/** Linear between neighbours, as R's type 7 and NumPy's default. NaN without values. */
export function quantileOfSorted(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const place = Math.min(1, Math.max(0, share)) * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(sorted.length - 1, below + 1)] ?? low;
  return low + (high - low) * (place - below);
}

export function quantile(values: readonly number[], share: number): number {
  return quantileOfSorted(ascending(values), share);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export interface Ranks {
  /** From 1; equal values share the mean of their ranks. In the order of the values. */
  readonly ranks: readonly number[];
  /** The sum of t³ − t over groups of t equal values: what ties take from a rank's variance. */
  readonly tieTerm: number;
}

export function rank(values: readonly number[]): Ranks {
  const order = values.map((_, index) => index);
  order.sort((left, right) => (values[left] ?? 0) - (values[right] ?? 0));
  const ranks = Array.from({ length: values.length }, () => 0);
  let tieTerm = 0;
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && valueAt(values, order, end) === valueAt(values, order, start)) {
      end += 1;
    }
    for (const index of order.slice(start, end)) ranks[index] = (start + 1 + end) / 2;
    const size = end - start;
    tieTerm += size ** 3 - size;
    start = end;
  }
  return { ranks, tieTerm };
}

function valueAt(values: readonly number[], order: readonly number[], place: number): number {
  return values[order[place] ?? 0] ?? Number.NaN;
}
