/** Which node of a cluster each connection belongs to: in proportion to the keys of the nodes. */

/** `weights` are those of the nodes, of which one at least has some. */
export function dealLanes(count: number, weights: readonly number[]): readonly number[] {
  const quotas = quotasOf(weights, count);
  const left = [...quotas];
  return Array.from({ length: count }, () => {
    const node = placeOfLargest(left);
    left[node] = (left[node] ?? 0) - 1;
    return node;
  });
}

/** The same after the weights have changed, with as few lanes moved as possible. */
export function moveLanes(
  places: readonly number[],
  weights: readonly number[],
): readonly number[] {
  const moved = [...places];
  // What a node lacks; below 0 what it has too many.
  const lacking = [...quotasOf(weights, places.length)];
  for (const place of places) lacking[place] = (lacking[place] ?? 0) - 1;
  for (;;) {
    const to = placeOfLargest(lacking);
    const from = placeOfLargest(lacking.map((each) => -each));
    const [most = 0, least = 0] = [lacking[to], lacking[from]];
    // Any other move would only change who has the odd one. Sums of fractions are not exact.
    if (most - least < 1 + 1e-9) return moved;
    moved[moved.lastIndexOf(from)] = to;
    lacking[to] = most - 1;
    lacking[from] = least + 1;
  }
}

/**
 * Shares of the lanes, not rounded: one at least for a node that has a weight, if there are so
 * many.
 */
function quotasOf(weights: readonly number[], count: number): readonly number[] {
  const few = new Set<number>();
  const used = weights.filter((weight) => weight > 0).length;
  if (count <= used) return weights.map((weight) => (weight > 0 ? count / used : 0));
  for (;;) {
    const rest = weights.reduce((sum, weight, node) => sum + (few.has(node) ? 0 : weight), 0);
    const quotas = weights.map((weight, node) =>
      few.has(node) ? 1 : (weight * (count - few.size)) / rest,
    );
    const tooFew = quotas.findIndex((quota, node) => quota > 0 && quota < 1 && !few.has(node));
    if (tooFew < 0) return quotas;
    few.add(tooFew);
  }
}

function placeOfLargest(numbers: readonly number[]): number {
  let place = 0;
  numbers.forEach((number, index) => {
    if (number > (numbers[place] ?? 0)) place = index;
  });
  return place;
}
