/** Ways in: TLS, users, unix sockets, clusters; and what engines say of themselves. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ask, ENGINES, startCluster, startServer } from "../../../test/support/resp-servers.ts";
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { Load } from "../load/load.ts";
import { openConnection } from "../resp/connection.ts";
import { kvWorkload } from "../workload/kv.ts";
import { freePort, type LocalServer } from "./local-server.ts";
import { readServerFacts } from "./server-facts.ts";
import { slotOf } from "./slot.ts";
import { readTarget, showTarget, type Target } from "./target.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kurobe-target-"));
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
      .concat(["-keyout", "server.key", "-out", "server.crt", "-days", "2"])
      .concat(subject),
    { cwd: folder, stdio: "ignore" },
  );
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function started(
  engine: (typeof ENGINES)[number],
  settings: readonly string[] = [],
): Promise<LocalServer> {
  const server = await startServer(engine, settings);
  opened.push(server);
  return server;
}

const workload = kvWorkload({
  mix: { get: 50, set: 30, mget: 10, mset: 10 },
  keyCount: 5000,
  distribution: { kind: "zipfian", theta: 0.99 },
  value: { kind: "fixed", bytes: 32 },
  hitRatio: 1,
  ttlSeconds: 0,
  batch: 4,
  prefix: "kurobe-test:",
});

async function openLoad(target: Target): Promise<Load> {
  const load = await Load.open({
    target,
    workload,
    connections: 9,
    depth: 8,
    seed: 1,
    timeoutMs: 5000,
  });
  opened.push(load);
  return load;
}

const RUN = {
  pace: { kind: "closed" },
  durationMs: Number.POSITIVE_INFINITY,
  requests: 20_000,
  intervalMs: 100,
} as const;

/** Fills, runs and cleans; the errors of all three. */
async function exercise(target: Target): Promise<Readonly<Record<string, number>>> {
  const load = await openLoad(target);
  const filled = await fillKeys(load, workload);
  const outcome = await load.run(RUN);
  expect(outcome.operations.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(20_000);
  expect(outcome.operations.reduce((sum, { misses }) => sum + misses, 0)).toBe(0);
  await cleanKeys(load, workload);
  return { ...filled?.errors, ...outcome.errors };
}

describe("the text of a target", () => {
  it.each([
    ["redis://cache", { kind: "tcp", host: "cache", port: 6379 }, 0],
    ["valkey://[::1]:7000/3", { kind: "tcp", host: "::1", port: 7000 }, 3],
    ["unix:///run/redis/redis.sock?db=2", { kind: "unix", path: "/run/redis/redis.sock" }, 2],
  ])("%s", (text, address, database) => {
    expect(readTarget(text)).toMatchObject({ address, database, isCluster: false, protocol: 2 });
  });

  it("keeps user and password, and never shows them", () => {
    const target = readTarget("rediss://app:p%40ss@h:1?cluster=true&protocol=3");
    expect(target).toMatchObject({ username: "app", password: "p@ss", tls: {}, isCluster: true });
    expect(showTarget(target)).toBe("rediss://h:1");
  });

  it.each([
    ["localhost:6379", /write redis:\/\/localhost:6379/],
    ["http://localhost", /http:\/\/ is no scheme/],
    ["redis://h/x", /database "x"/],
    ["unix://", /names no socket/],
  ])("%s is refused", (text, message) => {
    expect(() => readTarget(text)).toThrow(message);
  });

  it("does not repeat a password in an error", () => {
    expect(() => readTarget("redis://u:secret@h/x")).toThrow(/\*\*\*@h/);
  });
});

describe.each(ENGINES)("%s", (engine) => {
  it("says what it is and how it is set", async () => {
    const { target } = await started(engine, ["--maxmemory", "100mb"]);
    for (const protocol of [2, 3] as const) {
      const facts = await readServerFacts({ ...target, protocol });
      expect(facts.type).toBe(engine === "redis" ? "Redis" : "Valkey");
      expect(facts.version).toMatch(/^\d+\.\d+\.\d+/);
      if (engine === "valkey") expect(facts.compatVersion).toBe("7.2.4");
      expect(facts).toMatchObject({ mode: "standalone", managed: "none", denied: [] });
      expect(facts.settings).toMatchObject({
        maxmemory: "104857600",
        "maxmemory-policy": "noeviction",
        "io-threads": "1",
        appendonly: "no",
      });
    }
  });

  it("may refuse CONFIG and INFO: the run goes on", async () => {
    const { target } = await started(engine, [
      "--user",
      "default",
      "off",
      "--user",
      ..."app on >secret ~* +@all -config -info".split(" "),
    ]);
    const app = { ...target, username: "app", password: "secret" };
    const facts = await readServerFacts(app);
    expect(facts.denied.toSorted()).toEqual(["CONFIG", "INFO"]);
    expect(facts).toMatchObject({ detectedBy: "HELLO", managed: "unknown", settings: {} });
    expect(await exercise(app)).toEqual({});
  });

  it("takes TLS and a user over it, and refuses the wrong password", async () => {
    const { port } = await started(engine, [
      "--tls-port",
      "0",
      "--user",
      ..."app on >secret ~* +@all".split(" "),
    ]);
    const plain = readTarget(`redis://app:wrong@127.0.0.1:${port}`);
    await expect(openConnection(plain)).rejects.toMatchObject({ code: "KRB_BENCH_REFUSED" });
    const securePort = await freePort();
    const server = await startServer(engine, [
      ...["--tls-port", String(securePort), "--tls-auth-clients", "no"],
      ...[
        "--tls-cert-file",
        join(folder, "server.crt"),
        "--tls-key-file",
        join(folder, "server.key"),
      ],
      ...["--user", ..."app on >secret ~* +@all".split(" ")],
    ]);
    opened.push(server);
    const url = `rediss://app:secret@127.0.0.1:${securePort}`;
    const ca = await readFile(join(folder, "server.crt"), "utf8");
    const secure = readTarget(url, { tls: { ca, serverName: "localhost" } });
    expect(await exercise(secure)).toEqual({});
    // The certificate is checked unless told otherwise.
    await expect(openConnection(readTarget(url))).rejects.toMatchObject({
      code: "KRB_BENCH_UNREACHABLE",
    });
    await (
      await openConnection(readTarget(url, { tls: { isInsecure: true } }))
    )[Symbol.asyncDispose]();
  });

  it("answers on a unix socket", async () => {
    const path = join(folder, `${engine}.sock`);
    await started(engine, ["--unixsocket", path]);
    expect(await exercise(readTarget(`unix://${path}`))).toEqual({});
  });

  it("is loaded on all masters of a cluster, and followed when slots move", async () => {
    await using cluster = await startCluster(engine);
    const { servers } = cluster;
    const target = { ...(servers[0] ?? fail()).target, isCluster: true };
    const load = await openLoad(target);
    expect(load.nodes.length).toBe(3);
    const filled = await fillKeys(load, workload);
    expect(filled).toMatchObject({ errors: {}, operations: [{ succeeded: 5000 }] });
    const sizes = await Promise.all(servers.map((server) => ask(server, "DBSIZE")));
    expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBe(5000);
    expect(sizes.every((size) => Number(size) > 1000)).toBe(true);
    const outcome = await load.run(RUN);
    expect(outcome.errors).toEqual({});
    expect(outcome.operations.every(({ misses }) => misses === 0)).toBe(true);
    expect((await readServerFacts(target)).mode).toBe("cluster");

    // A slot that our keys use goes to another master, behind our back.
    await cleanKeys(load, workload);
    const slot = slotOf("{0000}");
    const ids = await Promise.all(servers.map((server) => ask(server, "CLUSTER", "MYID")));
    const owner = servers.findIndex((_, index) => slot <= ([5460, 10_922, 16_383][index] ?? 0));
    const next = (owner + 1) % 3;
    for (const server of servers) {
      await ask(server, "CLUSTER", "SETSLOT", String(slot), "NODE", String(ids[next]));
    }
    const moved = await load.run(RUN);
    expect([moved.samples, moved.errors]).toEqual([[], {}]);
    expect(moved.moved).toBeGreaterThan(0);
    const settled = await load.run(RUN);
    expect([settled.errors, settled.moved, settled.asked]).toEqual([{}, 0, 0]);
  });
});

function fail(): never {
  throw new Error("it was started");
}

describe("servers that are none", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listen(answer: string): Promise<Target> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write(answer));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return readTarget(`redis://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  }

  it("are told from engines", async () => {
    await expect(openConnection(await listen("HTTP/1.1 400 Bad Request\r\n\r\n"))).rejects.toThrow(
      /a reply begins with "HTTP/,
    );
  });

  it("are unreachable where nobody listens, and where no cluster is", async () => {
    await expect(openConnection(readTarget("redis://127.0.0.1:1"))).rejects.toMatchObject({
      code: "KRB_BENCH_UNREACHABLE",
      message: expect.stringContaining("ECONNREFUSED") as string,
    });
    const { target } = await started("redis");
    await expect(openLoad({ ...target, isCluster: true })).rejects.toMatchObject({
      code: "KRB_BENCH_CLUSTER",
    });
  });
});

it("knows slots as the cluster specification does", () => {
  expect([slotOf("123456789"), slotOf("foo{bar}x"), slotOf("foo{}{bar}")]).toEqual([
    12_739,
    slotOf("bar"),
    slotOf("foo{}{bar}"),
  ]);
});
