/**
 * What this client can do at most, against a server that only answers: know it before measuring.
 */
import { allLatencies } from "../load/outcome.ts";
import { startNullServer } from "../target/null-server.ts";
import { pinTo } from "../target/pinning.ts";
import { kvWorkload } from "../workload/kv.ts";
import { Load } from "../load/load.ts";

export interface Calibration {
  readonly command: "GET" | "SET";
  readonly depth: number;
  readonly perSecond: number;
  readonly cpuUsPerOperation: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface CalibrateOptions {
  readonly connections: number;
  readonly depths: readonly number[];
  readonly valueBytes: number;
  readonly durationMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onCell?: (done: number, total: number) => void;
}

export async function calibrate(options: CalibrateOptions): Promise<readonly Calibration[]> {
  await using server = await startNullServer(options.valueBytes, await pinTo(0));
  const cells: Calibration[] = [];
  const total = options.depths.length * 2;
  for (const depth of options.depths) {
    for (const command of ["GET", "SET"] as const) {
      if (options.signal?.aborted === true) return cells;
      options.onCell?.(cells.length, total);
      cells.push(await calibrateCell(server.target, command, depth, options));
    }
  }
  return cells;
}

async function calibrateCell(
  target: Load["options"]["target"],
  command: "GET" | "SET",
  depth: number,
  { connections, valueBytes, durationMs, signal }: CalibrateOptions,
): Promise<Calibration> {
  const workload = kvWorkload({
    mix: { [command.toLowerCase()]: 1 },
    keyCount: 100_000,
    distribution: { kind: "uniform" },
    value: { kind: "fixed", bytes: valueBytes },
    hitRatio: 1,
    ttlSeconds: 0,
    batch: 1,
    prefix: "key:",
  });
  await using load = await Load.open({
    target,
    workload,
    connections,
    depth,
    seed: 1,
    timeoutMs: 5000,
  });
  const run = { pace: { kind: "closed" }, requests: Number.POSITIVE_INFINITY, signal } as const;
  await load.run({ ...run, durationMs: durationMs / 4, intervalMs: 1000 });
  const outcome = await load.run({ ...run, durationMs, intervalMs: 1000 });
  const latencies = allLatencies(outcome);
  return {
    command,
    depth,
    perSecond: (latencies.count / outcome.elapsedMs) * 1000,
    cpuUsPerOperation: (outcome.client.cpuMs * 1000) / Math.max(1, latencies.count),
    p50Ms: latencies.quantileMs(0.5),
    p99Ms: latencies.quantileMs(0.99),
  };
}
