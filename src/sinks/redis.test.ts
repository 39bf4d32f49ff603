import { Cluster, Redis } from "iovalkey";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type LocalServer } from "../bench/target/local-server.ts";
import { ENGINES, startCluster, startServer } from "../../test/support/resp-servers.ts";
import {
  describeRowKeeper,
  destinationDeps,
  NAMED,
  namedDelivery,
  type RowKeeper,
} from "../../test/support/row-keeper.ts";
import { openServed, ticksProject } from "../../test/support/served-platform.ts";
import { isIdle, send, sinkOf, trades as tradesOf } from "../../test/support/sink-traffic.ts";
import { redisPlan } from "../../test/support/sink-plans.ts";
import { defineProject, redis, type RedisSpec } from "../index.ts";
import { type RedisLayout } from "../plan/sinks/redis.ts";
import { openRedis } from "./redis.ts";

const { signal } = new AbortController();

const HASHES: RedisLayout = { kind: "hash", prefix: "named:", ttlUs: null };
const SET: RedisLayout = { kind: "sortedSet", prefix: "named", ttlUs: null, score: "n", per: [] };

async function keeper(
  reader: Redis | Cluster,
  url: string,
  layout: RedisLayout,
  cluster = false,
): Promise<RowKeeper> {
  const destination = await openRedis(redisPlan({ url, layout, cluster }), destinationDeps(NAMED));
  return {
    destination,
    held: () => (layout.kind === "hash" ? heldInHashes(reader) : heldInSet(reader)),
    [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
  };
}

async function heldInHashes(reader: Redis | Cluster): Promise<ReadonlyMap<string, number>> {
  const nodes = reader instanceof Cluster ? reader.nodes("master") : [reader];
  const keys = (await Promise.all(nodes.map((node) => node.keys("named:*")))).flat();
  const rows = await Promise.all(keys.map((key) => reader.hgetall(key)));
  return new Map(rows.map((row) => [row["name"] ?? "", Number(row["n"])]));
}

async function heldInSet(reader: Redis | Cluster): Promise<ReadonlyMap<string, number>> {
  const found = await reader.zrange("named", 0, -1, "WITHSCORES");
  const names = found.filter((_, index) => index % 2 === 0);
  return new Map(names.map((name, index) => [name, Number(found[index * 2 + 1])]));
}

/** Dearer from symbol to symbol, one of which has to be escaped. */
const trades = (fromMinute: number, minutes: number): string =>
  tradesOf(fromMinute, minutes, { symbols: ["A", "B", "C|%"], priceStep: 1 });

describe.each(ENGINES)("%s", (engine) => {
  let server: LocalServer;
  let reader: Redis;
  let url = "";

  beforeAll(async () => {
    server = await startServer(engine, ["--user", "reader", "on", ">secret", "~*", "+@read"]);
    url = `redis://127.0.0.1:${server.port}`;
    reader = new Redis(url);
  });
  afterAll(async () => {
    reader.disconnect();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await reader.flushall();
  });

  const project = (spec: Partial<RedisSpec>): unknown => {
    const full = { from: "bars", url, retry: { first: "5ms", max: "20ms" }, ...spec } as RedisSpec;
    return defineProject({ ...ticksProject.spec, sinks: { cache: redis(full) } });
  };

  describe("with a hash a key", () => {
    describeRowKeeper(() => keeper(reader, url, HASHES));
  });
  describe("with a sorted set", () => {
    describeRowKeeper(() => keeper(reader, url, SET));
  });

  it("holds each result in a hash, and its correction", async () => {
    await using served = await openServed(project({}));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    expect((await reader.keys("*")).toSorted()).toEqual([
      "bars:2026-01-01T12:00:00.000000Z|A",
      "bars:2026-01-01T12:00:00.000000Z|B",
      "bars:2026-01-01T12:00:00.000000Z|C%7C%25",
    ]);
    const first = "bars:2026-01-01T12:00:00.000000Z|A";
    expect(await reader.hgetall(first)).toEqual({
      _version: "1",
      window_start: "2026-01-01T12:00:00.000000Z",
      window_end: "2026-01-01T12:01:00.000000Z",
      symbol: "A",
      close: "55.0000",
      trades: "12",
      revision: "1",
    });
    await send(served, trades(0, 1).split("\n")[0] ?? "");
    await expect.poll(() => reader.hget(first, "trades")).toBe("13");
    expect(await reader.pttl(first)).toBe(-1);
  });

  it("orders members by a column, in a set for each value of `per`, and lets both expire", async () => {
    const spec = { keep: "sortedSet", score: "close", per: ["window_start"], ttl: "1h" } as const;
    await using served = await openServed(project({ ...spec, prefix: "top:" }));
    await send(served, trades(0, 3));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 6 });
    const set = "top:2026-01-01T12:01:00.000000Z";
    expect(await reader.zrange(set, "+inf", "-inf", "BYSCORE", "REV", "WITHSCORES")).toEqual([
      ...["C%7C%25", "117", "B", "116", "A", "115"],
    ]);
    for (const key of [set, `{${set}}:versions`]) {
      const left = await reader.pttl(key);
      expect(left > 3_500_000 && left <= 3_600_000).toBe(true);
    }
  });

  it("scores times in milliseconds, with their microseconds", async () => {
    const layout = { ...SET, score: "at" } as RedisLayout;
    const plan = redisPlan({ url, layout });
    await using destination = await openRedis(plan, destinationDeps(NAMED));
    const delivery = namedDelivery("a", 1, 1);
    const at = "2026-01-01T00:00:00.123456Z";
    await destination.deliver([{ ...delivery, row: { ...delivery.row, at } }], signal);
    expect(Number(await reader.zscore("named", "a"))).toBeCloseTo(1_767_225_600_123.456, 3);
  });

  it("publishes rows in order to who listens", async () => {
    const listener = new Redis(url);
    const heard: unknown[] = [];
    listener.on("message", (_, text: string) => heard.push(JSON.parse(text)));
    await listener.subscribe("bars");
    try {
      await using served = await openServed(project({ keep: "channel" }));
      await send(served, trades(0, 3));
      await expect.poll(() => heard.length).toBe(6);
      expect(heard[0]).toMatchObject({
        type: "bars.upsert",
        id: expect.stringMatching(/^dlv_/) as string,
        row: { close: "55.0000" },
      });
    } finally {
      listener.disconnect();
    }
  });

  it("keeps a wrong key from nothing but itself", async () => {
    await reader.set("bars:2026-01-01T12:00:00.000000Z|B", "mine");
    await using served = await openServed(project({ whenRejected: "skip" }));
    await send(served, trades(0, 3));
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        ...isIdle,
        delivered: 5,
        skipped: 1,
        lastError: {
          code: "KRB_SINKS_REJECTED",
          message: expect.stringMatching(/WRONGTYPE/) as string,
        },
      });
    expect(await reader.get("bars:2026-01-01T12:00:00.000000Z|B")).toBe("mine");
  });

  it("that refuses the login or the command says so", async () => {
    for (const user of ["reader:wrong", "reader:secret"]) {
      const plan = redisPlan({ url: url.replace("//", `//${user}@`) });
      await using destination = await openRedis(plan, destinationDeps(NAMED));
      await expect(destination.deliver([namedDelivery("a", 1, 1)], signal)).rejects.toMatchObject({
        code: "KRB_SINKS_DENIED",
      });
    }
  });

  it("needs no rights but those that the docs name", async () => {
    const rights = ["+@scripting", "+@hash", "+@sortedset", "+@string", "+@keyspace"];
    await reader.call("ACL", "SETUSER", "writer", "on", ">pass", "~*", ...rights);
    for (const layout of [HASHES, SET]) {
      const plan = redisPlan({ url: url.replace("//", "//writer:pass@"), layout });
      await using destination = await openRedis(plan, destinationDeps(NAMED));
      await destination.deliver([namedDelivery("a", 1, 1)], signal);
      await destination.deliver([namedDelivery("a", 2, null)], signal);
    }
    expect((await reader.keys("*")).toSorted()).toEqual(["{named:a}:deleted", "{named}:versions"]);
  });

  it("that has no such database says so, and nothing goes to another one", async () => {
    const plan = redisPlan({ url: `${url}/99` });
    await using destination = await openRedis(plan, destinationDeps(NAMED));
    await expect(destination.deliver([namedDelivery("a", 1, 1)], signal)).rejects.toMatchObject({
      code: "KRB_SINKS_TARGET",
    });
    expect(await reader.dbsize()).toBe(0);
    await using third = await openRedis(redisPlan({ url: `${url}/3` }), destinationDeps(NAMED));
    await third.deliver([namedDelivery("a", 1, 1)], signal);
    expect(await reader.info("keyspace")).toMatch(/db3:keys=1/);
  });

  it("that is full or gone is tried again until it takes the rows", async () => {
    const own = await startServer(engine, []);
    const { port } = own;
    const target = `redis://127.0.0.1:${port}`;
    await using served = await openServed(project({ url: target }));
    const control = new Redis(target);
    control.on("error", () => undefined);
    await control.config("SET", "maxmemory", "1");
    await send(served, trades(0, 2));
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        state: "retrying",
        lastError: {
          code: "KRB_SINKS_UNREACHABLE",
          message: expect.stringMatching(/OOM/) as string,
        },
      });
    await control.config("SET", "maxmemory", "0");
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    control.disconnect();
    await own[Symbol.asyncDispose]();
    await send(served, trades(2, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ state: "retrying", delivered: 3 });
    await using again = await startServer(engine, [], { port });
    expect(again.port).toBe(port);
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 9 });
  });

  it("that hangs is given up after the timeout", async () => {
    const plan = redisPlan({ url, timeoutUs: 200_000 });
    await using destination = await openRedis(plan, destinationDeps(NAMED));
    await destination.deliver([namedDelivery("a", 1, 1)], signal);
    server.process.kill("SIGSTOP");
    try {
      await expect(destination.deliver([namedDelivery("a", 2, 2)], signal)).rejects.toMatchObject({
        code: "KRB_SINKS_UNREACHABLE",
      });
    } finally {
      server.process.kill("SIGCONT");
    }
    await destination.deliver([namedDelivery("a", 2, 2)], signal);
    expect(await reader.hget("named:a", "n")).toBe("2");
  });
});

describe("a cluster", () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  let reader: Cluster;
  let url = "";

  beforeAll(async () => {
    cluster = await startCluster("valkey");
    const port = cluster.servers[0]?.port ?? 0;
    url = `valkey://127.0.0.1:${port}`;
    reader = new Cluster([{ host: "127.0.0.1", port }]);
  });
  afterAll(async () => {
    reader.disconnect();
    await cluster[Symbol.asyncDispose]();
  });

  describeRowKeeper(() => keeper(reader, url, HASHES, true));

  it("has its keys on all masters, sets and their versions together", async () => {
    await using hashes = await keeper(reader, url, HASHES, true);
    const names = Array.from({ length: 300 }, (_, i) => `n${i}{x`);
    await hashes.destination.deliver(
      names.map((name) => namedDelivery(name, 1, 1)),
      signal,
    );
    const sizes = await Promise.all(reader.nodes("master").map((node) => node.dbsize()));
    expect(sizes.every((size) => size > 50)).toBe(true);
    await using set = await keeper(reader, url, SET, true);
    await set.destination.deliver([namedDelivery("a", 1, 7)], signal);
    expect(await set.held()).toEqual(new Map([["a", 7]]));
  });

  it("publishes in order", async () => {
    const listener = new Redis(cluster.servers[2]?.port ?? 0, "127.0.0.1");
    const heard: unknown[] = [];
    listener.on("message", (_, text: string) => {
      heard.push((JSON.parse(text) as { readonly revision: number }).revision);
    });
    await listener.subscribe("news");
    const plan = redisPlan({ url, cluster: true, layout: { kind: "channel", channel: "news" } });
    await using destination = await openRedis(plan, destinationDeps(NAMED));
    const versions = Array.from({ length: 200 }, (_, i) => i + 1);
    await destination.deliver(
      versions.map((version) => namedDelivery("a", version, version)),
      signal,
    );
    await expect.poll(() => heard.length).toBe(200);
    expect(heard).toEqual(versions);
    listener.disconnect();
  });
});

describe("a layout that does not fit its source", () => {
  it.each([
    [{ score: "name" }, /score "name" is not a number/],
    [{ score: "nothing" }, /score "nothing" is not a number/],
    [{ per: ["name"] }, /leave a part of the key name/],
    [{ per: ["n"] }, /leave a part of the key name/],
  ])("is refused at the start: %j", async (wrong, message) => {
    const plan = redisPlan({
      url: "redis://127.0.0.1:1",
      layout: { ...SET, ...wrong } as RedisLayout,
    });
    await expect(openRedis(plan, destinationDeps(NAMED))).rejects.toMatchObject({
      code: "KRB_SINKS_SETTING",
      message: expect.stringMatching(message) as string,
    });
  });

  it("is refused where a cluster is asked for a database", async () => {
    const plan = redisPlan({ url: "redis://127.0.0.1:1/3", cluster: true });
    await expect(openRedis(plan, destinationDeps(NAMED))).rejects.toMatchObject({
      code: "KRB_SINKS_SETTING",
    });
  });

  it("is refused where members have no key", async () => {
    const plan = redisPlan({ url: "redis://127.0.0.1:1", layout: SET });
    const relation = { ...NAMED, key: [] };
    await expect(openRedis(plan, destinationDeps(relation))).rejects.toMatchObject({
      code: "KRB_SINKS_SETTING",
    });
  });
});
