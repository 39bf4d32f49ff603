/** Agents in processes of their own carry a benchmark's load together. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openAgentLink } from "../../src/bench/crew/agent-link.ts";
import {
  type AgentAddress,
  type AgentIdentity,
  readAgentAddress,
} from "../../src/bench/crew/agent-wire.ts";
import { openAgent } from "../../src/bench/crew/agent.ts";
import { Agents } from "../../src/bench/crew/agents-crew.ts";
import { readResults } from "../../src/bench/result/result-file.ts";
import { ownIdentity } from "../../src/bench/run/agent-identity.ts";
import { type RunPlan } from "../../src/bench/run/run-plan.ts";
import { type PairedTarget, runPairs } from "../../src/bench/run/run-pairs.ts";
import { type LocalServer } from "../../src/bench/target/local-server.ts";
import { kvWorkload } from "../../src/bench/workload/kv.ts";
import { ROOT } from "../source-files.ts";
import { type CliRun, runInMemory } from "../support/memory-terminal.ts";
import { startServer } from "../support/resp-servers.ts";

const MAIN = join(ROOT, "dist", "cli", "main.js");
const TOKEN = "a-token-of-this-very-test";

interface RunningAgent {
  readonly place: string;
  readonly lines: readonly string[];
  readonly child: ChildProcess;
}

async function startAgent(): Promise<RunningAgent> {
  const child = spawn(process.execPath, [MAIN, "bench", "agent", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, KUROBE_BENCH_TOKEN: TOKEN },
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  await once(reader, "line");
  return { place: /on (\S+)\. /.exec(lines[0] ?? "")?.[1] ?? "", lines, child };
}

async function stop({ child }: RunningAgent, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

let server: LocalServer;
let folder = "";
beforeAll(async () => {
  server = await startServer("valkey");
  folder = await mkdtemp(join(tmpdir(), "kurobe-agents-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function bench(name: string, args: readonly string[], token = TOKEN): Promise<CliRun> {
  const target = `redis://127.0.0.1:${server.port}`;
  const words = ["bench", "kv", target, "-k", "500", "--warmup", "50ms", "-o", join(folder, name)];
  return await runInMemory([...words, ...args], { environment: { KUROBE_BENCH_TOKEN: token } });
}

function pairedTarget(name: string): PairedTarget {
  const workload = kvWorkload({
    ...{ mix: { get: 1, set: 1 }, keyCount: 500, distribution: { kind: "uniform" }, hitRatio: 1 },
    ...{ value: { kind: "fixed", bytes: 64 }, ttlSeconds: 0, batch: 1, prefix: `${name}:` },
  });
  const plan: RunPlan = {
    ...{ target: { ...server.target, name }, workload, kind: "kv", labels: {} },
    ...{ connections: 4, depth: 1, workers: 1, pace: { kind: "closed" }, seed: 1 },
    ...{ durationMs: Infinity, requests: Infinity, warmupMs: 50, timeoutMs: 5000 },
    ...{ isFilled: true, isCleaned: true },
  };
  return { plan, twinOf: null, pinning: null };
}

describe("two agents", () => {
  let agents: readonly RunningAgent[] = [];
  let places = "";
  beforeAll(async () => {
    agents = await Promise.all([startAgent(), startAgent()]);
    places = agents.map(({ place }) => place).join(",");
  });
  afterAll(async () => {
    for (const agent of agents) await stop(agent, "SIGKILL");
  });

  it("carry one load together, with threads, and are part of the result", async () => {
    const args = ["--agents", places, "-c", "10", "-t", "2", "-n", "20001"];
    const { code, stderr } = await bench("together", args);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const [result] = await readResults([join(folder, "together")]);
    expect(result?.stats.requests).toBe(20_001);
    expect(result?.histogram.all.count).toBe(20_001);
    expect(result?.config).toMatchObject({ connections: 10, workers: 4 });
    expect(result?.environment.agents.map((text) => text.split(" ")[0]).join()).toBe(places);
    expect(result?.stats.client.cpu_us_per_op).toBeGreaterThan(0);
    expect(result?.validity).toMatchObject({ is_valid: true, is_partial: false });
    const shares = agents.map(({ lines }) =>
      lines.filter((line) => /^\d.* by requests$/.test(line)),
    );
    expect(shares.map((lines) => lines.at(-1)?.split(" ")[0])).toEqual(["10,001", "10,000"]);
  });

  it("keep a rate between them", async () => {
    const { code } = await bench("rate", ["--agents", places, "--rate", "1000", "-d", "1s"]);
    expect(code).toBe(0);
    const [result] = await readResults([join(folder, "rate")]);
    expect((result?.stats.requests ?? 0) + (result?.stats.dropped ?? 0)).toBe(1000);
  });

  it("refuse another token, and a coordinator while they have one", async () => {
    const other = await bench("token", ["--agents", places], "another-token-that-is-long");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("KRB_BENCH_AGENT_REFUSED");
    const [host = "", port = ""] = places.split(",")[0]?.split(":") ?? [];
    const address = { host, port: Number(port) };
    await using first = await openAgentLink(address, { token: TOKEN, identity: ownIdentity() });
    expect(first.clockOffsetMs).toBeLessThan(500);
    const busy = await bench("busy", ["--agents", places]);
    expect(busy.code).toBe(2);
    expect(busy.stderr).toContain("KRB_BENCH_AGENT_BUSY");
  });

  it("carry a comparison slice by slice, and are free again after it", async () => {
    const compare = async (name: string, ...more: readonly string[]): Promise<CliRun> => {
      const urls = ["one", "other"].map((each) => `${each}=redis://127.0.0.1:${server.port}`);
      const words = ["bench", "compare", ...urls, "-k", "500", "--warmup", "50ms", ...more];
      const args = [...words, "--agents", places, "-c", "8", "-o", join(folder, name)];
      return await runInMemory(args, { environment: { KUROBE_BENCH_TOKEN: TOKEN } });
    };
    for (const name of ["slices", "more-slices"]) {
      const { code, stderr } = await compare(name, "--pairs", "10", "--slice", "30ms", "-t", "2");
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const results = await readResults([join(folder, name)]);
      expect(results.map(({ config }) => config.workers)).toEqual([4, 4, 4]);
      for (const { stats, environment, validity } of results) {
        expect(stats.slices).toHaveLength(10);
        expect(stats.slices.every(({ requests }) => requests > 0)).toBe(true);
        expect(environment.agents.map((text) => text.split(" ")[0]).join()).toBe(places);
        expect(validity.is_partial).toBe(false);
      }
    }
    const told = agents[0]?.lines.filter((line) => line.endsWith("in 30 slices of a comparison"));
    expect(told).toHaveLength(2);
  });

  it("end with a partial result that says so when one of them is lost", async () => {
    const [, lost] = agents;
    const before = lost?.lines.length ?? 0;
    const running = bench("lost", ["--agents", places, "-d", "60s"]);
    // It says nothing while it runs, but that its coordinator has come.
    await expect.poll(() => lost?.lines.length, { timeout: 30_000 }).toBeGreaterThan(before + 1);
    setTimeout(() => lost?.child.kill("SIGKILL"), 500);
    const { code, stderr } = await running;
    expect(code).toBe(2);
    expect(stderr).toContain("KRB_BENCH_INCOMPLETE");
    const [result] = await readResults([join(folder, "lost")]);
    expect(result?.validity).toMatchObject({ is_valid: true, is_partial: true });
    expect(result?.validity.reasons.join()).toContain(`${lost?.place} was lost after`);
    expect(result?.stats.requests).toBeGreaterThan(0);
    expect(result?.stats.duration_s).toBeLessThan(60);
  });

  it("leave the pairs that are whole when the last of them is lost", async () => {
    const lone = await startAgent();
    const addresses = [readAgentAddress(lone.place)];
    await using carriers = await Agents.open({ addresses, token: TOKEN, identity: ownIdentity() });
    const results = await runPairs({
      targets: ["one", "other"].map((name) => pairedTarget(name)),
      ...{ agents: carriers, pairs: 1000, sliceMs: 30, seed: 1 },
      onPair: (done) => done === 3 && lone.child.kill("SIGKILL"),
    });
    const counts = results.map(({ stats }) => stats.slices.length);
    expect(counts[0]).toBeGreaterThanOrEqual(3);
    expect(new Set(counts).size).toBe(1);
    for (const { validity } of results) {
      expect(validity.is_partial).toBe(true);
      expect(validity.reasons.join()).toContain(`${lone.place} went away`);
    }
  });

  it("end in order with Ctrl-C", async () => {
    const [agent] = agents;
    expect(agent === undefined ? null : await stop(agent, "SIGINT")).toBe(0);
  });
});

describe("an agent that does not fit", () => {
  const opened: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
  });

  async function agent(over: Partial<AgentIdentity>, aheadMs = 0): Promise<AgentAddress> {
    const started = await openAgent({
      address: { host: "127.0.0.1", port: 0 },
      token: TOKEN,
      identity: { ...ownIdentity(), ...over },
      now: () => Date.now() + aheadMs,
      onEvent: () => undefined,
    });
    opened.push(started);
    return started.address;
  }

  it.each([
    ["another version of Kurobe", { kurobe: "0.0.9" }, 0, "KRB_BENCH_AGENT_VERSION"],
    ["another protocol", { protocol: 99 }, 0, "KRB_BENCH_AGENT_VERSION"],
    ["another Node", { node: "v18.0.0" }, 0, "KRB_BENCH_AGENT_VERSION"],
    ["a clock that is ahead", {}, 5000, "KRB_BENCH_AGENT_CLOCK"],
    ["a clock that is behind", {}, -5000, "KRB_BENCH_AGENT_CLOCK"],
  ])("is refused: %s", async (_name, over, aheadMs, code) => {
    const address = await agent(over, aheadMs);
    const linking = openAgentLink(address, { token: TOKEN, identity: ownIdentity() });
    await expect(linking).rejects.toMatchObject({ code });
  });

  it("is not there, or is something else", async () => {
    const identity = ownIdentity();
    for (const port of [1, server.port]) {
      const linking = openAgentLink({ host: "127.0.0.1", port }, { token: TOKEN, identity });
      await expect(linking).rejects.toMatchObject({ code: "KRB_BENCH_AGENT_UNREACHABLE" });
    }
  });

  it.each([
    [["--listen", "0.0.0.0:0"], {}, "needs a token"],
    [["--listen", "0.0.0.0:0"], { KUROBE_BENCH_TOKEN: "short" }, "5 characters"],
    [["--listen", "here:there"], {}, "is no address"],
  ])("does not start: %j", async (args, environment, said) => {
    const { code, stderr } = await runInMemory(["bench", "agent", ...args], { environment });
    expect(code).toBe(1);
    expect(stderr).toContain(said);
  });
});
