/**
 * Documents in a real OpenSearch 2.19; answers that it gives under load only come from a receiver.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openReceiver } from "../../test/support/receiver.ts";
import {
  describeRowKeeper,
  destinationDeps,
  NAMED,
  namedDelivery,
} from "../../test/support/row-keeper.ts";
import { openSearchServer, type SearchServer } from "../../test/support/search-server.ts";
import { openServed, ticksProject } from "../../test/support/served-platform.ts";
import { elasticsearchPlan } from "../../test/support/sink-plans.ts";
import { defineProject, elasticsearch } from "../index.ts";
import { type Destination } from "./destination.ts";
import { openElasticsearch } from "./elasticsearch.ts";

let server: SearchServer;
beforeAll(async () => {
  server = await openSearchServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const opened = (index: string, url = server.url): Destination =>
  openElasticsearch(elasticsearchPlan({ url, index }), destinationDeps(NAMED));

const { signal } = new AbortController();

describeRowKeeper(() => {
  const destination = opened("kept");
  return Promise.resolve({
    destination,
    held: async () => {
      const found = await server.documents("kept");
      return new Map([...found.values()].map(({ name, n }) => [String(name), Number(n)]));
    },
    [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
  });
});

describe("documents of a window", () => {
  it("are one a key, and a correction takes the place of what it corrects", async () => {
    const store = elasticsearch({ from: "bars", url: server.url, allowPrivateAddresses: true });
    const definition = defineProject({ ...ticksProject.spec, sinks: { store } });
    await using served = await openServed(definition);
    const send = async (minute: number, symbol: string, price: number): Promise<void> => {
      const time = new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString();
      const body = JSON.stringify({ time, symbol, price, quantity: 1 });
      expect((await served.post("/v1/datasets/ticks/rows", body)).status).toBe(200);
    };
    await send(0, "A", 1);
    await send(2, "B", 2);
    await send(0, "A", 7.25);
    const held = async (): Promise<unknown> => Object.fromEntries(await server.documents("bars"));
    await expect.poll(held, { timeout: 30_000 }).toMatchObject({
      '["2026-01-01T12:00:00.000000Z","A"]': {
        symbol: "A",
        close: "7.2500",
        trades: 2,
        revision: 2,
      },
    });
  });
});

describe("a deletion", () => {
  const older = namedDelivery("a", 1, 1);
  const deletion = namedDelivery("a", 2, null);

  async function deleted(index: string, gcDeletes: string): Promise<Destination> {
    await server.ask("PUT", index, { settings: { "index.gc_deletes": gcDeletes } });
    const sink = opened(index);
    await sink.deliver([older], signal);
    await sink.deliver([deletion], signal);
    return sink;
  }

  it("is forgotten after index.gc_deletes: an older document then comes back until it is repeated", async () => {
    await using forgetful = await deleted("forgetful", "1ms");
    await using mindful = await deleted("mindful", "1d");
    const returned = async (): Promise<number> => {
      await mindful.deliver([older], signal);
      await forgetful.deliver([older], signal);
      return (await server.documents("forgetful")).size;
    };
    await expect.poll(returned, { timeout: 30_000 }).toBe(1);
    expect((await server.documents("mindful")).size).toBe(0);
    // What a sink repeats after a crash ends with the deletion again.
    await forgetful.deliver([older, deletion], signal);
    expect((await server.documents("forgetful")).size).toBe(0);
  });
});

describe("a document that the index refuses", () => {
  it("is named, and the others of its batch are there", async () => {
    await server.ask("PUT", "typed", {
      mappings: { properties: { n: { type: "integer" } } },
    });
    await using sink = opened("typed");
    const wrong = { ...namedDelivery("wrong", 1, 1), row: { name: "wrong", n: "no number" } };
    const batch = [namedDelivery("a", 1, 1), wrong, namedDelivery("b", 1, 2)];
    await expect(sink.deliver(batch, signal)).rejects.toMatchObject({
      code: "KRB_SINKS_REJECTED",
      message: expect.stringContaining("mapper_parsing_exception") as string,
    });
    const found = await server.documents("typed");
    expect([...found.keys()].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['["a"]', '["b"]']);
  });

  it("because the index is closed to writing blocks the sink, and is nobody's fault", async () => {
    await server.ask("PUT", "closed", { settings: { "index.blocks.write": true } });
    await using sink = opened("closed");
    await expect(sink.deliver([namedDelivery("a", 1, 1)], signal)).rejects.toMatchObject({
      code: "KRB_SINKS_DENIED",
    });
  });
});

describe("an answer of the index", () => {
  const item = (status: number, type = "some_exception"): object => ({
    index: status < 300 ? { status } : { status, error: { type, reason: "because" } },
  });

  it.each([
    ["the version is there already", [item(200), item(409)], null],
    ["nothing was there to delete", [item(200), item(404, "none")], null],
    ["it has no room for one", [item(200), item(429)], "KRB_SINKS_BUSY"],
    ["a shard is away, and one is wrong", [item(503), item(400)], "KRB_SINKS_BUSY"],
    ["one is wrong", [item(201), item(400)], "KRB_SINKS_REJECTED"],
    ["it is short of one", [item(200)], "KRB_SINKS_UNREACHABLE"],
  ])("%s", async (_, items, code) => {
    await using receiver = await openReceiver();
    const errors = items.some((one) => JSON.stringify(one).includes("error"));
    receiver.behave((response) => {
      response.end(JSON.stringify({ errors: errors || items.length < 2, items }));
    });
    await using sink = opened("any", receiver.url);
    const batch = [namedDelivery("a", 1, 1), namedDelivery("b", 1, null)];
    const delivered = sink.deliver(batch, signal);
    if (code === null) await delivered;
    else await expect(delivered).rejects.toMatchObject({ code });
    expect(receiver.all[0]?.body.split("\n").slice(0, 3)).toEqual([
      '{"index":{"_id":"[\\"a\\"]","version":1,"version_type":"external"}}',
      '{"at":"2026-01-01T00:00:00.000000Z","name":"a","n":1}',
      '{"delete":{"_id":"[\\"b\\"]","version":1,"version_type":"external"}}',
    ]);
  });

  it("that is no answer of an index is not taken for one", async () => {
    await using receiver = await openReceiver();
    receiver.behave((response) => void response.end("<html>welcome</html>"));
    await using sink = opened("any", receiver.url);
    await expect(sink.deliver([namedDelivery("a", 1, 1)], signal)).rejects.toMatchObject({
      code: "KRB_SINKS_UNREACHABLE",
    });
  });
});
