/** Publishers and subscribers on real servers: everything arrives, and what does not is counted. */
import { afterEach, describe, expect, it } from "vitest";
import { ENGINES, startServer } from "../../../test/support/resp-servers.ts";
import { openConnection } from "../resp/connection.ts";
import { checkResult } from "../result/result-file.ts";
import { measure, type MeasureStep } from "../run/measure.ts";
import { type RunPlan } from "../run/run-plan.ts";
import { type LocalServer } from "../target/local-server.ts";
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

describe("channels", () => {
  it("have the same number of listeners each", () => {
    const { audience, prefix } = pubsubWorkload(SHAPE);
    const lists = audience === undefined ? [] : channelLists(prefix, audience);
    const counts = new Map<string, number>();
    for (const name of lists.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
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
