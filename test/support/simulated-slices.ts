/**
 * Slices as a shared machine gives them: a load that drifts for both, noise and stalls for each, a
 * server process that is faster or slower than its equals for as long as it lives.
 */
import { type BenchResult, type ResultSlice } from "../../src/bench/result/result.ts";
import { normalQuantile } from "../../src/bench/statistics/normal.ts";
import { type Random, seededRandom } from "../../src/bench/statistics/seeded-random.ts";
import { madeResult } from "./bench-results.ts";

export interface SimulatedLane {
  readonly name: string;
  readonly twinOf?: string;
  /** 0.05: takes 5 % longer for each request. */
  readonly slowdown?: number;
}

export interface SimulatedNoise {
  /** Standard deviations of logarithms. */
  readonly drift: number;
  readonly slice: number;
  readonly instance: number;
  /** Of all slices; each stall takes a third of its slice. */
  readonly stallShare: number;
}

/**
 * Paired slices of 100 ms on the 2-core machine of the measurements, while other jobs are quiet.
 */
export const QUIET: SimulatedNoise = {
  drift: 0.08,
  slice: 0.04,
  instance: 0.005,
  stallShare: 0.03,
};

const OPS = 60_000;
const SECONDS = 0.1;

export function simulateComparison(
  lanes: readonly SimulatedLane[],
  { seed, pairs = 120, noise = QUIET }: { seed: number; pairs?: number; noise?: SimulatedNoise },
): readonly BenchResult[] {
  const random = seededRandom(seed);
  const biases = lanes.map(() => noise.instance * normal(random));
  const slices = lanes.map((): ResultSlice[] => []);
  let drift = 0;
  for (let pair = 0; pair < pairs; pair++) {
    drift = 0.9 * drift + noise.drift * Math.sqrt(1 - 0.81) * normal(random);
    const order = lanes.map((_, index) => [random(), index] as const).toSorted(([a], [b]) => a - b);
    order.forEach(([, index], position) => {
      const { slowdown = 0 } = lanes[index] ?? { name: "" };
      const stall = random() < noise.stallShare ? 1.5 : 1;
      const own = biases[index] ?? 0;
      const slow = (1 + slowdown) * stall * Math.exp(drift + own + noise.slice * normal(random));
      slices[index]?.push(sliceOf({ pair, position, slow, stall, random }));
    });
  }
  return lanes.map(({ name, twinOf }, index) =>
    madeResult({
      name,
      ...(twinOf === undefined ? {} : { twinOf }),
      pairId: "simulated",
      commands: [{ label: "GET", latenciesUs: [] }],
      slices: slices[index] ?? [],
    }),
  );
}

interface Drawn {
  readonly pair: number;
  readonly position: number;
  readonly slow: number;
  readonly stall: number;
  readonly random: Random;
}

function sliceOf({ pair, position, slow, stall, random }: Drawn): ResultSlice {
  const requests = Math.round((OPS * SECONDS) / slow);
  return {
    pair,
    position,
    seconds: SECONDS,
    requests,
    errors: 0,
    p50_ms: (0.8 / stall) * slow * Math.exp(0.01 * normal(random)),
    p99_ms: 1.6 * slow * Math.exp(0.08 * normal(random)),
    client_cpu_s: 0.05,
    server_cpu_s: 0.1,
    by_command: { GET: { requests, p50_ms: null, p99_ms: null } },
  };
}

function normal(random: Random): number {
  return normalQuantile(Math.max(1e-12, random()));
}
