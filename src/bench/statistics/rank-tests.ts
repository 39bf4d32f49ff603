/** Tests that ask for no shape of the noise: for pairs, and for two samples without pairs. */
import { normalBelow } from "./normal.ts";
import { rank } from "./order.ts";

export interface TestAnswer {
  /** W: the smaller sum of ranks. U: of the first sample. */
  readonly statistic: number;
  /** Two-sided; 1 where there is nothing to judge by. */
  readonly p: number;
  readonly isExact: boolean;
}

/** Up to here every arrangement is counted; beyond, the normal approximation is as good. */
const EXACT_PAIRS = 50;
const EXACT_SAMPLE = 20;

/**
 * Wilcoxon's signed-rank test that differences lie around 0. Zeros are left out, as Wilcoxon did;
 * exact for up to 50 differences without ties, else normal with a correction for ties.
 */
export function signedRankTest(differences: readonly number[]): TestAnswer {
  const real = differences.filter((difference) => difference !== 0);
  const n = real.length;
  if (n === 0) return { statistic: 0, p: 1, isExact: true };
  const { ranks, tieTerm } = rank(real.map(Math.abs));
  const positive = ranks.reduce((sum, each, index) => sum + ((real[index] ?? 0) > 0 ? each : 0), 0);
  const statistic = Math.min(positive, (n * (n + 1)) / 2 - positive);
  if (n <= EXACT_PAIRS && tieTerm === 0 && n === differences.length) {
    return { statistic, p: Math.min(1, 2 * signedRankBelow(statistic, n)), isExact: true };
  }
  const mean = (n * (n + 1)) / 4;
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tieTerm / 48;
  return { statistic, p: twoSided((statistic - mean) / Math.sqrt(variance)), isExact: false };
}

/** The share of all 2^n signs whose sum of positive ranks is at most `statistic`. */
function signedRankBelow(statistic: number, n: number): number {
  const ways = new Float64Array((n * (n + 1)) / 2 + 1);
  ways[0] = 1;
  for (let each = 1; each <= n; each++) {
    for (let sum = ways.length - 1; sum >= each; sum--) {
      ways[sum] = ((ways[sum] ?? 0) + (ways[sum - each] ?? 0)) / 2;
    }
    for (let sum = each - 1; sum >= 0; sum--) ways[sum] = (ways[sum] ?? 0) / 2;
  }
  return ways.slice(0, Math.floor(statistic) + 1).reduce((total, share) => total + share, 0);
}

/**
 * Mann and Whitney's test that neither sample tends to be larger. Exact for samples of up to 20
 * without ties, else normal with corrections for ties and continuity.
 */
export function rankSumTest(first: readonly number[], second: readonly number[]): TestAnswer {
  const [m, n] = [first.length, second.length];
  if (m === 0 || n === 0) return { statistic: 0, p: 1, isExact: true };
  const { ranks, tieTerm } = rank([...first, ...second]);
  const sum = ranks.slice(0, m).reduce((total, each) => total + each, 0);
  const statistic = sum - (m * (m + 1)) / 2;
  const extreme = Math.max(statistic, m * n - statistic);
  if (m <= EXACT_SAMPLE && n <= EXACT_SAMPLE && tieTerm === 0) {
    return { statistic, p: Math.min(1, 2 * rankSumBelow(m * n - extreme, m, n)), isExact: true };
  }
  const total = m + n;
  const variance = ((m * n) / 12) * (total + 1 - tieTerm / (total * (total - 1)));
  if (variance === 0) return { statistic, p: 1, isExact: false };
  const z = (extreme - (m * n) / 2 - 0.5) / Math.sqrt(variance);
  return { statistic, p: twoSided(z), isExact: false };
}

/** The share of all choices of m among m + n ranks whose U is at most `statistic`. */
function rankSumBelow(statistic: number, m: number, n: number): number {
  // ways[taken][u]: how many choices of `taken` values have this U among the values seen so far.
  const ways = Array.from({ length: m + 1 }, () => new Float64Array(m * n + 1));
  const empty = ways[0];
  if (empty !== undefined) empty[0] = 1;
  for (let seen = 1; seen <= m + n; seen++) {
    for (let taken = Math.min(m, seen); taken >= 1; taken--) {
      const [into, from] = [ways[taken], ways[taken - 1]];
      // The value at rank `seen` stands above those not taken below it.
      const above = seen - taken;
      if (into === undefined || from === undefined || above > n) continue;
      for (let u = into.length - 1; u >= above; u--)
        into[u] = (into[u] ?? 0) + (from[u - above] ?? 0);
    }
  }
  const all = ways[m] ?? new Float64Array();
  const total = all.reduce((sum, each) => sum + each, 0);
  return all.slice(0, Math.floor(statistic) + 1).reduce((sum, each) => sum + each, 0) / total;
}

function twoSided(z: number): number {
  return Math.min(1, 2 * normalBelow(-Math.abs(z)));
}
