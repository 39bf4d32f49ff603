/** From figures to places in a drawing, and where the lines of its grid go. */

export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

export type Span = readonly [number, number];

/** From 0 to a round number above `most`. */
export function linearScale(most: number, [from, to]: Span, wanted = 4): Scale {
  const step = roundStep(Math.max(most, 1e-9) / wanted);
  const top = Math.ceil(most / step - 1e-9) * step || step;
  const count = Math.round(top / step);
  return {
    at: (value) => from + (value / top) * (to - from),
    // Three times 0.2 is 0.6, and not 0.6000000000000001.
    ticks: Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(9))),
  };
}

/** Ticks at 1, 2 and 5 of each decade, or at 1 alone where there are many. */
export function logScale(least: number, most: number, [from, to]: Span): Scale {
  const [low, high] = [Math.log10(least), Math.log10(Math.max(most, least * 1.5))];
  const at = (value: number): number =>
    from + ((Math.log10(Math.max(value, least)) - low) / (high - low)) * (to - from);
  const span = high - low;
  const bases = span > 2.2 ? [1] : span > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const ticks: number[] = [];
  for (let decade = Math.floor(low); decade <= Math.ceil(high); decade++) {
    for (const base of bases) {
      const tick = base * 10 ** decade;
      if (tick >= least * 0.999 && tick <= most * 1.001) ticks.push(tick);
    }
  }
  return { at, ticks };
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const rest = step / power;
  return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 2.5 ? 2.5 : rest <= 5 ? 5 : 10);
}
