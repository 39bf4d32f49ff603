/** Publishers and subscribers on real servers: everything arrives, and what does not is counted. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ask, ENGINES, startCluster, startServer } from "../../../test/support/resp-servers.ts";
import { openConnection } from "../resp/connection.ts";
import { checkResult } from "../result/result-file.ts";
import { measure, type MeasureStep } from "../run/measure.ts";
import { type RunPlan } from "../run/run-plan.ts";
import { type LocalServer } from "../target/local-server.ts";
import { slotOf } from "../target/slot.ts";
import { channelLists, pubsubWorkload } from "../workload/pubsub.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function server(engine: (typeof ENGINES)[number]): Promise<LocalServer> {
  const started = await startServer(engine);
  opened.push(started);
  return started;
}

const SHAPE = { channels: 4, subscribers: 6, subscriptions: 2, messageBytes: 40, prefix: "t:" };

function planFor({ target }: LocalServer, over: Partial<RunPlan> = {}): RunPlan {
  return {
    target,
    workload: pubsubWorkload(SHAPE),
    kind: "pubsub",
    labels: {},
    connections: 3,
    depth: 1,
    workers: 1,
    pace: { kind: "closed" },
    durationMs: Number.POSITIVE_INFINITY,
    requests: 3000,
    warmupMs: 50,
    timeoutMs: 5000,
    seed: 1,
    isFilled: false,
    isCleaned: false,
    ...over,
  };
}

/** When the first interval of the measurement is over. */
function once(act: () => void): (step: MeasureStep) => void {
  let isDone = false;
  return ({ kind }) => {
    if (kind !== "measuring" || isDone) return;
    isDone = true;
    act();
  };
}

describe("pub/sub", () => {
  it.each(ENGINES)("on %s delivers each message to each listener", async (engine) => {
    const started = await server(engine);
    const protocol = engine === "redis" ? 2 : 3;
    const plan = planFor({ ...started, target: { ...started.target, protocol } });
    const result = checkResult(await measure(plan), "the result");
    expect([result.errors.samples, result.errors.by_kind]).toEqual([[], {}]);
    expect(result.stats.by_command["PUBLISH"]?.requests).toBe(3000);
    expect(result.stats.by_command["DELIVERY"]).toMatchObject({ requests: 9000, errors: 0 });
    // The headline is the way to the subscriber.
    expect(result.stats.requests).toBe(9000);
    expect(result.stats.latency_ms).toEqual(result.stats.by_command["DELIVERY"]?.latency_ms);
    expect(result.histogram.all.count).toBe(9000);
    expect(result.config.workload).toMatchObject({
      audience: { channels: 4, subscribers: 6, subscriptions: 2 },
    });
  });

  it.each([
    ["redis", "patterns", 2],
    ["valkey", "patterns", 3],
    ["redis", "shards", 3],
    ["valkey", "shards", 2],
  ] as const)("on %s by %s, RESP%d, delivers the same", async (engine, by, protocol) => {
    const started = await server(engine);
    // What is a pattern in the prefix stands for itself.
    const workload = pubsubWorkload({ ...SHAPE, by, prefix: "t*[a]?\\:" });
    const target = { ...started.target, protocol };
    const plan = planFor({ ...started, target }, { workload });
    const result = checkResult(await measure(plan), "the result");
    expect([result.errors.samples, result.errors.by_kind]).toEqual([[], {}]);
    const published = by === "shards" ? "SPUBLISH" : "PUBLISH";
    expect(result.stats.by_command[published]?.requests).toBe(3000);
    expect(result.stats.by_command["DELIVERY"]).toMatchObject({ requests: 9000, errors: 0 });
    expect(result.stats.requests).toBe(9000);
    expect(result.config.workload).toMatchObject({ name: `pubsub-${by}`, audience: { by } });
  });

  it("counts from when a message was due where there is a rate", async () => {
    const started = await server("valkey");
    const pace = { kind: "open", perSecond: 500, arrival: "constant" } as const;
    const plan = planFor(started, { pace, durationMs: 2000, requests: Number.POSITIVE_INFINITY });
    // Asleep for 500 ms, the server keeps what is due waiting.
    const pause = once(() => {
      started.process.kill("SIGSTOP");
      setTimeout(() => started.process.kill("SIGCONT"), 500);
    });
    const result = checkResult(await measure(plan, { onStep: pause }), "the result");
    const published = result.stats.by_command["PUBLISH"]?.requests ?? 0;
    expect(result.stats.requests).toBe(published * 3);
    expect(result.stats.latency_ms).toMatchObject({ from: "intended" });
    // A quarter was due in the pause: those of its first fifth waited 400 ms or more.
    expect(result.stats.latency_ms.p99).toBeGreaterThan(400);
  });

  it("counts what a subscriber misses that was cut off, and goes on", async () => {
    const started = await server("redis");
    const pace = { kind: "open", perSecond: 1000, arrival: "constant" } as const;
    const plan = planFor(started, { pace, durationMs: 1500, requests: Number.POSITIVE_INFINITY });
    const onStep = once(() => void cutOff(started));
    const result = checkResult(await measure(plan, { onStep }), "the result");
    const { by_kind: kinds } = result.errors;
    const published = result.stats.by_command["PUBLISH"]?.requests ?? 0;
    expect(kinds["subscriber_lost"]).toBe(6);
    expect(kinds["lost_message"]).toBeGreaterThan(0);
    expect(result.stats.requests + (kinds["lost_message"] ?? 0)).toBe(published * 3);
    expect(result.stats.reconnects).toBeGreaterThan(0);
  });

  async function cutOff({ target }: LocalServer): Promise<void> {
    await using connection = await openConnection(target);
    await connection.call("CLIENT", "KILL", "TYPE", "pubsub");
  }

  it("says it when the engine has no sharded channels", async () => {
    const started = await startServer("redis", ["--rename-command", "SSUBSCRIBE", ""]);
    opened.push(started);
    const workload = pubsubWorkload({ ...SHAPE, by: "shards" });
    await expect(measure(planFor(started, { workload }))).rejects.toMatchObject({
      code: "KRB_BENCH_WORKLOAD",
      message: expect.stringMatching(/refuses SSUBSCRIBE: ERR unknown command/) as string,
      hint: expect.stringMatching(/leave out --sharded/) as string,
    });
  });

  it("says it when it may not subscribe", async () => {
    const started = await server("valkey");
    await using connection = await openConnection(started.target);
    await connection.call("ACL", "SETUSER", "loud", "on", ">secret", "~*", "+@all", "-subscribe");
    const target = { ...started.target, username: "loud", password: "secret" };
    await expect(measure(planFor({ ...started, target }))).rejects.toMatchObject({
      code: "KRB_BENCH_WORKLOAD",
      message: expect.stringMatching(/refuses SUBSCRIBE: NOPERM/) as string,
    });
  });
});

const SPREAD = { ...SHAPE, channels: 24, subscribers: 6, subscriptions: 12, by: "shards" } as const;

describe.each(ENGINES)("sharded channels in a cluster of %s", (engine) => {
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  beforeAll(async () => {
    cluster = await startCluster(engine);
  });
  afterAll(async () => cluster[Symbol.asyncDispose]());

  function planOf(over: Partial<RunPlan>): RunPlan {
    const [first] = cluster.servers;
    if (first === undefined) throw new Error("a cluster has a server");
    const target = { ...first.target, isCluster: true };
    return planFor({ ...first, target }, { workload: pubsubWorkload(SPREAD), ...over });
  }

  it("go to the node that owns their slot, and reach each listener", async () => {
    const asked: Promise<unknown>[] = [];
    const onStep = once(() => {
      asked.push(...cluster.servers.map((server) => ask(server, "PUBSUB", "SHARDCHANNELS")));
    });
    const plan = planOf({ durationMs: 1500, requests: Number.POSITIVE_INFINITY });
    const result = checkResult(await measure(plan, { onStep }), "the result");
    expect([result.errors.samples, result.errors.by_kind]).toEqual([[], {}]);
    const published = result.stats.by_command["SPUBLISH"]?.requests ?? 0;
    expect([published > 0, result.stats.requests]).toEqual([true, published * 3]);
    expect(result.stats.redirects).toEqual({ moved: 0, asked: 0 });
    // Each node has some of the channels; together they have all of them, once.
    const names = (await Promise.all(asked)) as readonly (readonly string[])[];
    expect(names.map(({ length }) => length > 0)).toEqual([true, true, true]);
    expect([names.flat().length, new Set(names.flat()).size]).toEqual([24, 24]);
  });

  it("have to be enough for its masters", async () => {
    const workload = pubsubWorkload({ ...SPREAD, channels: 1, subscriptions: 1 });
    await expect(measure(planOf({ workload }))).rejects.toMatchObject({
      code: "KRB_BENCH_WORKLOAD",
      message: "1 channels are too few for a cluster of 3 masters",
    });
  });

  it("are followed when their slot moves", async () => {
    const { servers } = cluster;
    const name = "t:channel:{0005}:000000000005";
    const slot = String(slotOf(name));
    const owner = Number(slot) <= 5460 ? 0 : Number(slot) <= 10_922 ? 1 : 2;
    const [from, to] = [servers[owner], servers[(owner + 1) % 3]];
    if (from === undefined || to === undefined) throw new Error("a slot has an owner");
    const listening = async (server: LocalServer): Promise<number> => {
      const [, count] = (await ask(server, "PUBSUB", "SHARDNUMSUB", name)) as [string, number];
      return count;
    };
    const counts: number[] = [];
    const stop = new AbortController();
    const move = async (): Promise<void> => {
      counts.push(await listening(from));
      const [id, oldId] = [await ask(to, "CLUSTER", "MYID"), await ask(from, "CLUSTER", "MYID")];
      // So that what the old owner still says about the slot is out of date.
      await ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", String(oldId));
      // Twice to one node would end the subscriptions there, too.
      for (const server of new Set([to, from, ...servers])) {
        await ask(server, "CLUSTER", "SETSLOT", slot, "NODE", String(id));
      }
      while (!stop.signal.aborted && (await listening(to)) < 3) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      counts.push(await listening(to));
      // Messages go on through the new node for a while.
      setTimeout(() => stop.abort(), 300);
    };
    let moving: Promise<void> | undefined;
    const onStep = once(() => {
      moving = move();
    });
    const result = await measure(
      planOf({
        pace: { kind: "open", perSecond: 1000, arrival: "constant" },
        durationMs: 20_000,
        requests: Number.POSITIVE_INFINITY,
      }),
      { onStep, signal: stop.signal },
    );
    stop.abort();
    await moving;
    expect(counts).toEqual([3, 3]);
    const { by_kind: kinds } = result.errors;
    expect(kinds["subscriber_lost"]).toBe(3);
    expect(result.stats.reconnects).toBe(3);
    const published = result.stats.by_command["SPUBLISH"]?.requests ?? 0;
    expect(result.stats.requests + (kinds["lost_message"] ?? 0)).toBe(published * 3);
    expect(Object.keys(kinds).filter((kind) => !EXPECTED.includes(kind))).toEqual([]);
  });
});

/** What a slot that moves costs. */
const EXPECTED = ["subscriber_lost", "lost_message"];

describe("channels", () => {
  it("have the same number of listeners each", () => {
    const { audience } = pubsubWorkload(SHAPE);
    const lists = audience === undefined ? [] : channelLists(audience);
    const counts = new Map<number, number>();
    for (const channel of lists.flat()) counts.set(channel, (counts.get(channel) ?? 0) + 1);
    expect([...counts.values()]).toEqual([3, 3, 3, 3]);
    expect(lists.every((list) => new Set(list).size === 2)).toBe(true);
  });

  it.each([[{ ...SHAPE, subscribers: 5 }], [{ ...SHAPE, subscriptions: 5, subscribers: 4 }]])(
    "must be spread evenly: %o",
    (shape) => {
      expect(() => pubsubWorkload(shape)).toThrow(/do not spread evenly/);
    },
  );
});
