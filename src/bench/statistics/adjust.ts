/** Corrections for asking many questions at once; p-values come back in the order they came in. */

/** Holm 1979: the chance of any false find stays below the level. */
export function holm(pValues: readonly number[]): readonly number[] {
  const count = pValues.length;
  let most = 0;
  return inOrder(
    pValues,
    (left, right) => left - right,
    (p, place) => {
      most = Math.max(most, Math.min(1, p * (count - place)));
      return most;
    },
  );
}

/** Benjamini and Hochberg 1995: the expected share of false finds stays below the level. */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  const count = pValues.length;
  let least = 1;
  return inOrder(
    pValues,
    (left, right) => right - left,
    (p, place) => {
      least = Math.min(least, (p * count) / (count - place));
      return least;
    },
  );
}

function inOrder(
  values: readonly number[],
  compare: (left: number, right: number) => number,
  adjust: (value: number, place: number) => number,
): readonly number[] {
  const order = values.map((value, index) => ({ value, index }));
  order.sort((left, right) => compare(left.value, right.value));
  const adjusted = Array.from({ length: values.length }, () => 1);
  order.forEach(({ value, index }, place) => {
    adjusted[index] = adjust(value, place);
  });
  return adjusted;
}
