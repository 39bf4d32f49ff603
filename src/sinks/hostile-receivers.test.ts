/** Receivers that behave badly, for every kind of sink that is reached over HTTP. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCertificate } from "../../test/support/certificate.ts";
import {
  answer,
  type Behaviour,
  openReceiver,
  type Receiver,
} from "../../test/support/receiver.ts";
import { openServed, type Served, ticksProject } from "../../test/support/served-platform.ts";
import { sinkOf } from "../../test/support/sink-traffic.ts";
import {
  defineProject,
  elasticsearch,
  influxdb,
  slack,
  webhook,
  type SinkDefinition,
} from "../index.ts";

let receiver: Receiver;
beforeEach(async () => {
  receiver = await openReceiver();
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
});

interface Reached {
  readonly url: string;
  readonly allowPrivateAddresses: boolean;
}

const RETRY = { first: "5ms", max: "20ms" } as const;
const COMMON = { from: "bars", timeout: "150ms", retry: RETRY, start: "earliest" } as const;

const KINDS: Readonly<Record<string, (to: Reached) => SinkDefinition>> = {
  webhook: (to) => webhook({ ...COMMON, ...to }),
  slack: (to) => slack({ ...COMMON, ...to, every: "1ms" }),
  influxdb: (to) => influxdb({ ...COMMON, ...to, database: "plant" }),
  elasticsearch: (to) => elasticsearch({ ...COMMON, ...to }),
};

/** Says what each kind wants to hear. */
const good: Behaviour = (response, { path, body }) => {
  const items = body.split("\n").filter((line) => line.startsWith('{"index"'));
  const done = { errors: false, items: items.map(() => ({ index: { status: 201 } })) };
  response.end(path.includes("_bulk") ? JSON.stringify(done) : "ok");
};

const BAD: Readonly<Record<string, Behaviour>> = {
  hangs: () => undefined,
  "answers 500": answer(500),
  "drips its answer": (response) => {
    response.writeHead(200, { "content-length": "1000" });
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  },
  "closes the socket in the middle of its answer": (response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  },
  "answers without end": (response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  },
  "redirects to loopback": (response) => {
    response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
  },
};

/** Six results of three symbols in two minutes. */
async function fill(served: Served): Promise<void> {
  const lines = [0, 1, 2].flatMap((minute) =>
    ["A", "B", "C"].map((symbol) => {
      const time = new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString();
      return JSON.stringify({ time, symbol, price: minute, quantity: 1 });
    }),
  );
  const response = await served.post("/v1/datasets/ticks/rows", lines.join("\n"));
  expect(response.status).toBe(200);
}

const project = (sink: SinkDefinition): unknown =>
  defineProject({ ...ticksProject.spec, sinks: { out: sink } });

describe.each(Object.entries(KINDS))("%s, when its receiver", (_, declared) => {
  it("misbehaves in every way, stops nothing, shows its lag and delivers in the end", async () => {
    const sink = declared({ url: receiver.url, allowPrivateAddresses: true });
    receiver.behave(answer(500));
    await using served = await openServed(project(sink));
    await fill(served);
    for (const [name, behaviour] of Object.entries(BAD)) {
      receiver.behave(behaviour);
      const { length } = receiver.all;
      const { failures } = await sinkOf(served);
      await expect
        .poll(async () => (await sinkOf(served)).failures, { timeout: 20_000, message: name })
        .toBeGreaterThan(failures + 1);
      // Requests that were on their way before may be the ones that failed: wait for one of its
      // own.
      await expect
        .poll(() => receiver.all.length, { timeout: 20_000, message: name })
        .toBeGreaterThan(length);
      expect(await sinkOf(served)).toMatchObject({ lagRows: 6, delivered: 0, skipped: 0 });
      expect((await served.fetch("/health")).status).toBe(200);
    }
    receiver.behave(good);
    await expect
      .poll(() => sinkOf(served), { timeout: 20_000 })
      .toMatchObject({ state: "idle", lagRows: 0, delivered: 6 });
  });

  it("has a certificate that nobody signed, gets nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kurobe-hostile-"));
    const files = makeCertificate(folder, "receiver");
    const heard: unknown[] = [];
    const server = createTlsServer(
      { key: readFileSync(files.key), cert: readFileSync(files.cert) },
      (request) => void heard.push(request.url),
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    {
      const sink = declared({ url: `https://localhost:${port}`, allowPrivateAddresses: true });
      await using served = await openServed(project(sink));
      await fill(served);
      await expect
        .poll(() => sinkOf(served), { timeout: 20_000 })
        .toMatchObject({
          state: "retrying",
          lastError: { message: expect.stringContaining("self-signed") as string },
        });
    }
    expect(heard).toEqual([]);
    server.close();
    await rm(folder, { recursive: true });
  });

  it("has a name that means a private address, is never called", async () => {
    const sink = declared({
      url: `https://localhost:${receiver.port}`,
      allowPrivateAddresses: false,
    });
    await using served = await openServed(project(sink));
    await fill(served);
    await expect
      .poll(() => sinkOf(served), { timeout: 20_000 })
      .toMatchObject({ state: "blocked", lastError: { code: "KRB_SINKS_ADDRESS" } });
    expect(receiver.all).toEqual([]);
  });
});
