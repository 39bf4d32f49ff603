/**
 * Is the comparison honest on this machine? Compares two equal Redis servers, and then one with a
 * server that is slower by a known share, again and again, and counts the verdicts. The slower one
 * answers GETs of larger values: how much slower that is, long runs tell first.
 *
 * `npx tsx --conditions=kurobe-source bench/redis-honesty.ts [rounds] [slow value bytes]`
 */
import { compareResults } from "../src/bench/compare/comparison.ts";
import { type BenchResult } from "../src/bench/result/result.ts";
import { runPairs } from "../src/bench/run/run-pairs.ts";
import { type RunPlan } from "../src/bench/run/run-plan.ts";
import { type LocalServer, startLocalServer } from "../src/bench/target/local-server.ts";
import { kvWorkload } from "../src/bench/workload/kv.ts";

const [rounds = 10, slowBytes = 1024] = process.argv.slice(2).map(Number);
const QUICK_BYTES = 64;
const PAIRS = 100;
const SLICE_MS = 100;

function planFor(server: LocalServer, name: string, bytes: number): RunPlan {
  const workload = kvWorkload({
    ...{ mix: { get: 1 }, keyCount: 20_000, distribution: { kind: "uniform" }, hitRatio: 1 },
    ...{ value: { kind: "fixed", bytes }, ttlSeconds: 0, batch: 1, prefix: "honesty:" },
  });
  return {
    ...{ target: { ...server.target, name }, workload, kind: "kv", labels: {} },
    ...{ connections: 50, depth: 16, workers: 1, pace: { kind: "closed" }, seed: 1 },
    ...{ durationMs: Infinity, requests: Infinity, warmupMs: 500, timeoutMs: 5000 },
    ...{ isFilled: true, isCleaned: false },
  };
}

/** New processes for each round: what two processes of one program differ by is part of it. */
async function compareOnce(otherBytes: number, seed: number): Promise<readonly BenchResult[]> {
  const start = () => startLocalServer({ engine: "redis", core: 0 });
  await using base = await start();
  await using other = await start();
  await using twin = await start();
  const lanes = [
    { plan: planFor(base, "base", QUICK_BYTES), twinOf: null, pinning: null },
    { plan: planFor(other, "other", otherBytes), twinOf: null, pinning: null },
    { plan: planFor(twin, "base again", QUICK_BYTES), twinOf: "base", pinning: null },
  ];
  const results = await runPairs({ targets: lanes, pairs: PAIRS, sliceMs: SLICE_MS, seed });
  // Sizes differ on purpose, and so does the hash of the workload.
  return results.map((each) => ({
    ...each,
    config: { ...each.config, workload_sha256: "0".repeat(64) },
  }));
}

for (const bytes of [QUICK_BYTES, slowBytes]) {
  const found: Record<string, number> = {};
  for (let round = 1; round <= rounds; round++) {
    const { rows } = compareResults(await compareOnce(bytes, round), { seed: round });
    const row = rows.find(({ metric }) => metric === "throughput");
    if (row === undefined) continue;
    found[row.verdict] = (found[row.verdict] ?? 0) + 1;
    const interval = `${row.low.toFixed(3)} to ${row.high.toFixed(3)}`;
    console.log(
      `${bytes} B, round ${round}: ratio ${row.ratio.toFixed(3)} (${interval}), ` +
        `equals differ by ${(row.floor * 100).toFixed(1)} %: ${row.verdict}`,
    );
  }
  console.log(`${bytes} B against ${QUICK_BYTES} B:`, found);
}
