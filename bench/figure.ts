/** Rounds become figures. */
import { type Figure, type Goal, type Series } from "./case.ts";

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the two nearest ranks; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const rank = share * (sorted.length - 1);
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}

export function series(name: string, rounds: readonly number[]): Series {
  return { name, rounds: rounds.map(round), median: round(median(rounds)) };
}

/** Four significant digits: what is left after them is noise. */
export function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}

export function figure(
  what: string,
  unit: string,
  measured: Series,
  rest: {
    readonly beside?: readonly Series[];
    readonly goals?: readonly Goal[];
    readonly note?: string;
  } = {},
): Figure {
  return {
    what,
    unit,
    measured,
    beside: rest.beside ?? [],
    goals: rest.goals ?? [],
    note: rest.note,
  };
}

/** A goal on how the medians of two series compare: `atLeast` 0.5 reads "at least half of it". */
export function ratioGoal(
  measured: Series,
  peer: Series,
  bound: { readonly atLeast: number } | { readonly atMost: number },
): Goal {
  const ratio = round(measured.median / peer.median);
  return "atLeast" in bound
    ? { text: `≥ ${bound.atLeast} × ${peer.name}: ${ratio} ×`, isMet: ratio >= bound.atLeast }
    : { text: `≤ ${bound.atMost} × ${peer.name}: ${ratio} ×`, isMet: ratio <= bound.atMost };
}

export interface Contender<R> {
  readonly name: string;
  run(round: number): Promise<R>;
}

/**
 * Runs every contender once a round, and starts each round with another one, so that a machine that
 * gets slower or faster in the meantime does so for all of them.
 */
export async function interleave<R>(
  contenders: readonly Contender<R>[],
  rounds: number,
  progress: (text: string) => void,
): Promise<ReadonlyMap<string, readonly R[]>> {
  const results = new Map<string, R[]>(contenders.map(({ name }) => [name, []]));
  for (let index = 0; index < rounds; index++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(index + turn) % contenders.length];
      if (contender === undefined) continue;
      progress(`round ${index + 1}/${rounds}: ${contender.name}`);
      results.get(contender.name)?.push(await contender.run(index));
    }
  }
  return results;
}
