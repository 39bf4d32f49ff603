/** What servers have spent, when they are stopped, started again, or others than before. */
import { afterEach, describe, expect, it } from "vitest";
import { startServer, until } from "../../../test/support/resp-servers.ts";
import { coresBetween, type CpuLook } from "./cpu-course.ts";
import { cpuBetween, ServerMeter } from "./server-meter.ts";
import { type Target } from "./target.ts";
import { type ClusterView, mergeViews } from "./topology.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

describe("a server that is read", () => {
  it("may start again: what it spends from then on is known, and no sum over both", async () => {
    const first = await startServer("valkey");
    opened.push(first);
    const meter = await ServerMeter.open([first.target]);
    opened.push(meter);
    const before = await meter.read();
    expect(cpuBetween(before, await meter.read())).toEqual(expect.any(Number));
    first.process.kill("SIGKILL");
    await until(() => first.process.signalCode !== null);
    expect(cpuBetween(before, await meter.read())).toBeNull();
    opened.push(await startServer("valkey", [], { port: first.port }));
    const again = await meter.read();
    expect([again.cpuMs, cpuBetween(before, again)]).toEqual([expect.any(Number), null]);
    expect(cpuBetween(again, await meter.read())).toEqual(expect.any(Number));
  });

  it("may stand still: nobody waits for it, and it is read once it goes on", async () => {
    const server = await startServer("redis");
    opened.push(server);
    const meter = await ServerMeter.open([server.target]);
    opened.push(meter);
    const before = await meter.read();
    server.process.kill("SIGSTOP");
    expect((await meter.readCpu()).cpuMs).toBeNull();
    server.process.kill("SIGCONT");
    await until(async () => cpuBetween(before, await meter.read()) !== null);
  });
});

it("knows no cores for a time in which the servers became others", () => {
  const look = (atMs: number, cpuMs: number, server: string): CpuLook => ({
    ...{ atMs, cpuMs, servers: ["a", server] },
  });
  const looks = [look(0, 0, "b"), look(10, 5, "b"), look(20, 900, "c"), look(30, 910, "c")];
  expect(coresBetween(looks, 0, 10)).toBe(0.5);
  expect(coresBetween(looks, 22, 30)).toBe(1);
  expect([coresBetween(looks, 5, 15), coresBetween(looks, 0, 30)]).toEqual([null, null]);
});

describe("a cluster whose nodes do not agree", () => {
  const node = (port: number): Target => ({
    ...{ name: "one", address: { kind: "tcp", host: "10.0.0.1", port } },
    ...{ database: 0, isCluster: true, protocol: 2 },
  });
  const [old, promoted, other] = [node(1), node(2), node(3)];
  const half = (first: number, second: number): Int16Array =>
    new Int16Array(16_384).fill(first, 0, 8192).fill(second, 8192);
  const yesterday: ClusterView = {
    ...{ asked: other, masters: [old, other], replicas: [promoted] },
    ...{ ownerBySlot: half(0, 1), epoch: 9, ownEpoch: 2 },
  };

  it("is that of the master who claims its slots with the highest epoch", () => {
    const stale = { ...yesterday, asked: old, ownEpoch: 1 };
    const fresh: ClusterView = {
      ...{ asked: promoted, masters: [promoted, other], replicas: [old] },
      ...{ ownerBySlot: half(0, 1), epoch: 9, ownEpoch: 9 },
    };
    for (const views of [
      [yesterday, stale, fresh],
      [fresh, stale, yesterday],
    ]) {
      const { masters, replicas, ownerByTag } = mergeViews(views);
      expect(new Set(masters)).toEqual(new Set([promoted, other]));
      expect(replicas).toEqual([old]);
      expect(new Set(ownerByTag)).toEqual(new Set([0, 1]));
    }
  });

  it("is that of the newest view where the owner does not answer", () => {
    const older = { ...yesterday, asked: promoted, ownerBySlot: half(1, 1), epoch: 3 };
    expect(mergeViews([yesterday, older]).masters).toEqual([old, other]);
    const nobodys = { ...yesterday, ownerBySlot: half(-1, 1) };
    expect(new Set(mergeViews([nobodys]).ownerByTag)).toEqual(new Set([-1, 0]));
  });
});
