import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answer, openReceiver, type Received, type Receiver } from "../../test/support/receiver.ts";
import { openServed, ticksProject } from "../../test/support/served-platform.ts";
import { send, sinkOf, trades } from "../../test/support/sink-traffic.ts";
import { defineProject, secret, webhook, type WebhookSpec } from "../index.ts";

const { datasets, windows } = ticksProject.spec;

function project(spec: Partial<WebhookSpec>): unknown {
  return defineProject({
    ...ticksProject.spec,
    datasets,
    windows,
    sinks: {
      hook: webhook({
        from: "bars",
        url: receiver.url,
        allowPrivateAddresses: true,
        retry: { first: "5ms", max: "20ms" },
        ...spec,
      }),
    },
  });
}

const idsOf = (list: readonly Received[]): readonly unknown[] => list.map(({ json }) => json["id"]);

/** Minutes of each symbol in the order in which they came. */
function minutesBySymbol(list: readonly Received[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { json } of list) {
    const row = json["row"] as { readonly symbol: string; readonly window_start: string };
    const minutes = found.get(row.symbol) ?? [];
    minutes.push(row.window_start);
    found.set(row.symbol, minutes);
  }
  return found;
}

let receiver: Receiver;
let directory: string;

beforeEach(async () => {
  receiver = await openReceiver();
  directory = await mkdtemp(join(tmpdir(), "kurobe-sinks-"));
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

describe("a webhook", () => {
  it("gets each result once, in order per key, signed", async () => {
    const key = Buffer.from("0123456789abcdef");
    process.env["TEST_HOOK_SECRET"] = `whsec_${key.toString("base64")}`;
    await using served = await openServed(project({ secret: secret("TEST_HOOK_SECRET") }));
    await send(served, trades(0, 10));
    await receiver.until(() => receiver.taken.length >= 27);
    expect(new Set(idsOf(receiver.taken)).size).toBe(27);
    for (const minutes of minutesBySymbol(receiver.taken).values())
      expect(minutes).toEqual(minutes.toSorted());
    for (const { headers, body, json } of receiver.taken) {
      const id = String(headers["webhook-id"]);
      const signedText = `${id}.${String(headers["webhook-timestamp"])}.${body}`;
      const hmac = createHmac("sha256", key).update(signedText).digest("base64");
      expect(headers["webhook-signature"]).toBe(`v1,${hmac}`);
      expect(headers["idempotency-key"]).toBe(id);
      expect(json).toMatchObject({ id, type: "bars.upsert", relation: "bars", revision: 1 });
    }
  });

  it("gets corrections as new revisions of the same key", async () => {
    await using served = await openServed(project({}));
    await send(served, trades(0, 3));
    await receiver.until(() => receiver.taken.length >= 6);
    await send(served, trades(0, 1).split("\n")[0] ?? "");
    await receiver.until(() => receiver.taken.length >= 7);
    const first = receiver.taken.find(({ json }) => {
      const row = json["row"] as { readonly symbol: string; readonly window_start: string };
      return row.symbol === "A" && row.window_start.includes("12:00:00");
    });
    const last = receiver.taken.at(-1);
    expect(last?.json).toMatchObject({ key: first?.json["key"], revision: 2 });
    expect(last?.json["id"]).not.toBe(first?.json["id"]);
  });

  it("gets lists when it asks for batches", async () => {
    await using served = await openServed(project({ batch: 100, concurrency: 1 }));
    await send(served, trades(0, 10));
    const rows = (): readonly unknown[] =>
      receiver.taken.flatMap(({ json }) => json["deliveries"] as unknown[]);
    await receiver.until(() => rows().length >= 27);
    expect(receiver.taken.length).toBeLessThan(27);
    expect(rows()).toHaveLength(27);
  });
});

const BAD: Readonly<Record<string, (receiver: Receiver) => void>> = {
  "answers 500": (one) => one.behave(answer(500)),
  "answers 429": (one) => one.behave(answer(429, { "retry-after": "0" })),
  hangs: (one) => one.behave(() => undefined),
  "closes the connection": (one) => one.behave((response) => response.destroy()),
  "stops in the middle of its answer": (one) =>
    one.behave((response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
    }),
  "answers without end": (one) =>
    one.behave((response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(8192)));
      };
      response.on("drain", more);
      more();
    }),
};

describe("a receiver that", () => {
  it.each(Object.entries(BAD))("%s stops nothing else and loses nothing", async (_, makeBad) => {
    makeBad(receiver);
    await using served = await openServed(project({ timeout: "100ms" }));
    await send(served, trades(0, 3));
    await receiver.until(() => receiver.all.length >= 6);
    await send(served, trades(3, 1));
    expect(await sinkOf(served)).toMatchObject({ state: "retrying", delivered: 0 });
    const metrics = await (await served.fetch("/metrics")).text();
    expect(metrics).toContain('kurobe_sink_lag_rows{sink="hook"} 9');
    expect(metrics).toContain('kurobe_sink_up{sink="hook"} 0');
    receiver.behave(null);
    await receiver.until(() => new Set(idsOf(receiver.taken)).size >= 9);
    for (const minutes of minutesBySymbol(receiver.taken).values())
      expect(minutes).toEqual(minutes.toSorted());
  });

  it("redirects to loopback is not followed, and the sink says so", async () => {
    await using trap = await openReceiver();
    receiver.behave(answer(302, { location: trap.url }));
    await using served = await openServed(project({}));
    await send(served, trades(0, 2));
    await receiver.until(() => receiver.all.length >= 2);
    await expect
      .poll(async () => sinkOf(served))
      .toMatchObject({
        state: "blocked",
        lastError: { code: "KRB_SINKS_REJECTED" },
      });
    expect(trap.all).toEqual([]);
  });

  it("refuses one row of a batch gets the others when the sink may skip", async () => {
    receiver.behave((response, { body }) => {
      response.writeHead(body.includes('"B"') ? 422 : 200).end();
    });
    await using served = await openServed(
      project({ batch: 50, concurrency: 1, whenRejected: "skip" }),
    );
    await send(served, trades(0, 4));
    await expect
      .poll(async () => sinkOf(served))
      .toMatchObject({
        state: "idle",
        delivered: 6,
        skipped: 3,
      });
  });

  it("refuses a row blocks the sink until it is repaired and tried again", async () => {
    receiver.behave(answer(400));
    await using served = await openServed(project({ retry: { first: "1h", max: "1h" } }));
    await send(served, trades(0, 2));
    await expect.poll(async () => sinkOf(served)).toMatchObject({ state: "blocked" });
    receiver.behave(null);
    await served.fetch("/v1/sinks/hook/retry", { method: "POST" });
    await receiver.until(() => receiver.taken.length >= 3);
  });

  it("is in the own network is never called unless that is allowed", async () => {
    await using served = await openServed(
      project({ url: `https://localhost:${receiver.port}/`, allowPrivateAddresses: false }),
    );
    await send(served, trades(0, 2));
    await expect
      .poll(async () => sinkOf(served))
      .toMatchObject({
        state: "blocked",
        lastError: { code: "KRB_SINKS_ADDRESS" },
      });
    expect(receiver.all).toEqual([]);
  });
});

describe("a sink", () => {
  it("does not deliver again after a restart what was delivered before it", async () => {
    {
      await using served = await openServed(project({}), { directory });
      await send(served, trades(0, 5));
      await receiver.until(() => receiver.taken.length >= 12);
    }
    await using served = await openServed(project({}), { directory });
    await send(served, trades(5, 1));
    await receiver.until(() => receiver.taken.length >= 15);
    expect(new Set(idsOf(receiver.all)).size).toBe(15);
    expect(receiver.all).toHaveLength(15);
  });

  it("stays paused across a restart, and goes on where it was", async () => {
    {
      await using served = await openServed(project({}), { directory });
      await served.fetch("/v1/sinks/hook/pause", { method: "POST" });
      await send(served, trades(0, 3));
      expect(await sinkOf(served)).toMatchObject({ state: "paused", lagRows: 6 });
    }
    await using served = await openServed(project({}), { directory });
    expect(await sinkOf(served)).toMatchObject({ state: "paused", lagRows: 6 });
    expect(receiver.all).toEqual([]);
    await served.fetch("/v1/sinks/hook/resume", { method: "POST" });
    await receiver.until(() => receiver.taken.length >= 6);
  });

  it("that was paused delivers from chunks too, however often memory was written down", async () => {
    await using served = await openServed(project({ batch: 10 }));
    await served.fetch("/v1/sinks/hook/pause", { method: "POST" });
    for (let minute = 0; minute < 6; minute += 2) {
      await send(served, trades(minute, 2));
      await served.platform.engine.checkpoint("test");
    }
    await send(served, trades(6, 1));
    await served.fetch("/v1/sinks/hook/resume", { method: "POST" });
    const ids = (): Set<unknown> =>
      new Set(
        receiver.taken.flatMap(({ json }) =>
          (json["deliveries"] as readonly { readonly id: string }[]).map(({ id }) => id),
        ),
      );
    await receiver.until(() => ids().size >= 18);
    expect(ids().size).toBe(18);
  });

  it("with a bound leaves the oldest out and counts them", async () => {
    await using served = await openServed(project({ maxBacklog: 5 }));
    await served.fetch("/v1/sinks/hook/pause", { method: "POST" });
    await send(served, trades(0, 11));
    await served.fetch("/v1/sinks/hook/resume", { method: "POST" });
    await expect
      .poll(async () => sinkOf(served))
      .toMatchObject({
        state: "idle",
        delivered: 5,
        skipped: 25,
      });
  });

  it("whose secret is missing is a mistake that the start names", async () => {
    await expect(openServed(project({ secret: secret("NO_SUCH_SECRET") }))).rejects.toMatchObject({
      code: "KRB_SINKS_SECRET",
      message: expect.stringContaining("NO_SUCH_SECRET") as string,
    });
  });
});
