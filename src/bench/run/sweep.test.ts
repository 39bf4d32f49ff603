/** Rates that rise until a server does not keep up. */
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startServer } from "../../../test/support/resp-servers.ts";
import { checkResult } from "../result/result-file.ts";
import { readTarget, type Target } from "../target/target.ts";
import { kvWorkload } from "../workload/kv.ts";
import { type RunPlan } from "./run-plan.ts";
import { sweep, type ResultSweepStep } from "./sweep.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

function planFor(target: Target, over: Partial<RunPlan> = {}): RunPlan {
  return {
    target,
    workload: kvWorkload({
      mix: { get: 1 },
      keyCount: 100,
      distribution: { kind: "uniform" },
      value: { kind: "fixed", bytes: 8 },
      hitRatio: 1,
      ttlSeconds: 0,
      batch: 1,
      prefix: "kurobe-test:",
    }),
    kind: "kv",
    labels: {},
    connections: 8,
    depth: 1,
    workers: 1,
    pace: { kind: "open", perSecond: 1, arrival: "constant" },
    durationMs: 500,
    requests: Number.POSITIVE_INFINITY,
    warmupMs: 50,
    timeoutMs: 5000,
    seed: 1,
    isFilled: false,
    isCleaned: false,
    ...over,
  };
}

/** Answers so many GETs a second and no more, and refuses all else. */
async function serverOf(perSecond: number): Promise<Target> {
  const waiting: (() => void)[] = [];
  let doneMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    // What was not asked for in time is lost, but for a little.
    doneMs = Math.max(doneMs, nowMs - 20 - (waiting.length * 1000) / perSecond);
    while (doneMs + 1000 / perSecond <= nowMs && waiting.length > 0) {
      doneMs += 1000 / perSecond;
      waiting.shift()?.();
    }
  }, 1);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const words = chunk.toString("latin1").match(/\*\d+\r\n\$\d+\r\n([A-Z]+)/g) ?? [];
      for (const word of words) {
        if (word.endsWith("GET") && !word.endsWith("CONFIG")) {
          waiting.push(() => socket.write("$1\r\nx\r\n"));
        } else socket.write("-ERR not here\r\n");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push({
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await new Promise((resolve) => server.close(resolve));
    },
  });
  const address = server.address();
  return readTarget(`redis://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
}

describe("a sweep", () => {
  it("finds what a server of known speed can do, and keeps every step", async () => {
    const target = await serverOf(1000);
    const steps: ResultSweepStep[] = [];
    const search = { from: 200, to: 100_000, factor: 2, precision: 0.1, maxP99Ms: 150 };
    const result = checkResult(
      await sweep(planFor(target), search, {
        onStep: (step) => {
          if (step.kind === "stepped") steps.push(step.step);
        },
      }),
      "the result",
    );
    const { knee, sweep: all } = result.stats;
    expect(all).toEqual(steps);
    // A step of half a second may end with the limit's worth of operations still waiting.
    expect(knee?.rate).toBeLessThanOrEqual(1000 * (1 + 0.15 / 0.5));
    expect(knee?.rate).toBeGreaterThanOrEqual(300);
    expect(knee?.failed_rate).toBeGreaterThan(knee?.rate ?? 0);
    expect(all.some(({ is_sustained: isGood, reason }) => !isGood && reason !== null)).toBe(true);
    // The figures of the result are the knee's.
    expect(result.config).toMatchObject({ loop: "open", rate: null, sweep: { max_p99_ms: 150 } });
    expect(result.stats.throughput_ops).toBe(knee?.throughput_ops);
    expect(result.stats.latency_ms.from).toBe("intended");
  });

  it("says so where a server keeps up with everything, and measures what that costs", async () => {
    const server = await startServer("valkey");
    opened.push(server);
    const search = { from: 100, to: 200, factor: 2, precision: 0.1, maxP99Ms: 1000 };
    const plan = planFor(server.target, { isFilled: true, isCleaned: true });
    const result = checkResult(await sweep(plan, search), "the result");
    expect(result.stats.knee).toMatchObject({ rate: 200, failed_rate: null });
    expect(result.validity.reasons.join()).toContain("the knee lies above it");
    const moments = result.stats.timeseries;
    expect(moments.length).toBeGreaterThan(2);
    for (const { client_cpu: cores } of moments) expect(cores).toBeGreaterThan(0);
    // A short interval may end before the loop's delay or the server was looked at.
    const known = (key: "client_loop_delay_ms" | "server_cpu"): readonly (number | null)[] =>
      moments.map((moment) => moment[key]).filter((value) => value !== null);
    for (const key of ["client_loop_delay_ms", "server_cpu"] as const) {
      expect(known(key).length).toBeGreaterThan(0);
      for (const value of known(key)) expect(value).toBeGreaterThanOrEqual(0);
    }
    expect(result.stats.client.event_loop_delay_p99_ms).not.toBe(null);
  });

  it("that is interrupted says how far it came", async () => {
    const stopping = new AbortController();
    const target = await serverOf(100_000);
    const search = { from: 100, to: 1000, factor: 2, precision: 0.1, maxP99Ms: 1000 };
    const result = await sweep(planFor(target), search, {
      signal: stopping.signal,
      onStep: ({ kind }) => {
        if (kind === "stepped") stopping.abort();
      },
    });
    expect(checkResult(result, "the result").validity).toMatchObject({ is_partial: true });
    expect(result.stats.knee).toMatchObject({ rate: 100, failed_rate: null });
    expect(result.stats.sweep.length).toBe(1);
  });
});
