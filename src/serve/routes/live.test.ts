import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { column, count, dataset, defineProject, tumbling } from "../../index.ts";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
} from "../../../test/support/served-platform.ts";

interface Event {
  readonly id: string;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads a live stream as a browser does. */
class Watcher {
  readonly #gone = new AbortController();
  readonly #pieces: AsyncIterator<unknown>;
  readonly comments: string[] = [];
  readonly response: Response;
  lastId = "";
  #text = "";

  constructor(response: Response, gone: AbortController) {
    this.response = response;
    this.#gone = gone;
    this.#pieces = piecesOf(response);
  }

  static async open(served: Served, url: string, headers = {}): Promise<Watcher> {
    const gone = new AbortController();
    return new Watcher(await served.fetch(url, { headers, signal: gone.signal }), gone);
  }

  /** The next block: an event, a comment, or an id alone. Undefined at the end. */
  async block(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const piece = await this.#pieces.next();
      if (piece.done === true) return undefined;
      this.#text += Buffer.from(piece.value as Uint8Array).toString();
    }
  }

  async events(count: number): Promise<Event[]> {
    const events: Event[] = [];
    while (events.length < count) {
      const block = await this.block();
      if (block === undefined) return events;
      const lines = block.split("\n");
      const field = (name: string): string =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
      if (field("id") !== "") this.lastId = field("id");
      if (block.startsWith(":")) this.comments.push(block);
      if (field("data") === "") continue;
      const data = JSON.parse(field("data")) as Event["data"];
      events.push({ id: field("id"), kind: field("event"), data });
    }
    return events;
  }

  close(): void {
    this.#gone.abort();
  }
}

async function* piecesOf(response: Response): AsyncGenerator<unknown> {
  if (response.body !== null) yield* response.body;
}

const URL_PATH = "/v1/windows/bars/live";
let served: Served;
let nextRow = 0;

beforeAll(async () => {
  served = await openServed(ticksProject, { serve: { heartbeatMs: 50, maxLiveClients: 3 } });
});
afterAll(async () => served[Symbol.asyncDispose]());

/** Closes `minutes` windows of three symbols each. */
async function closeWindows(minutes: number): Promise<void> {
  const rows = minutes * 60;
  await served.post("/v1/datasets/ticks/rows", tickLines(rows + 1, nextRow));
  nextRow += rows;
}

describe("watching a window", () => {
  it("tells each result when it is published, and each correction", async () => {
    const watcher = await Watcher.open(served, URL_PATH);
    expect(watcher.response.headers.get("content-type")).toContain("text/event-stream");
    expect(await watcher.block()).toMatch(/^retry: \d+\nid: 0$/);
    await closeWindows(1);
    const results = await watcher.events(3);
    expect(results.map(({ kind }) => kind)).toEqual(["result", "result", "result"]);
    expect(new Set(results.map(({ data }) => data["symbol"]))).toEqual(new Set(["S0", "S1", "S2"]));
    expect(results[0]?.data).toMatchObject({
      window_start: "2026-01-01T00:00:00.000000Z",
      trades: 20,
      revision: 1,
    });
    const late = { time: "2026-01-01T00:00:59.5Z", symbol: "S1", price: 0.5, quantity: 1 };
    await served.post("/v1/datasets/ticks/rows", JSON.stringify(late), {
      "content-type": "application/json",
    });
    const [correction] = await watcher.events(1);
    expect(correction).toMatchObject({
      kind: "correction",
      data: { symbol: "S1", close: "0.5000", trades: 21, revision: 2 },
    });
    expect(Number(correction?.id)).toBeGreaterThan(Number(results.at(-1)?.id));
    watcher.close();
  });

  it("goes on after the last event that a client has seen", async () => {
    const watcher = await Watcher.open(served, URL_PATH);
    await closeWindows(1);
    await watcher.events(2);
    const seen = watcher.lastId;
    watcher.close();
    await closeWindows(2);
    const again = await Watcher.open(served, URL_PATH, { "last-event-id": seen });
    const missed = await again.events(7);
    expect(missed.map(({ id }) => Number(id))).toEqual(
      Array.from({ length: 7 }, (_, i) => Number(seen) + 1 + i),
    );
    again.close();
  });

  it("begins where the URL says, in pages without end", async () => {
    await closeWindows(150);
    const watcher = await Watcher.open(served, `${URL_PATH}?after=0`);
    const total = served.platform.engine.status().windows[0]?.published ?? 0;
    expect(total).toBeGreaterThan(450);
    const events = await watcher.events(total);
    const keys = events.map(
      ({ data }) => `${String(data["window_start"])} ${String(data["symbol"])}`,
    );
    expect(new Set(keys).size).toBe(total);
    watcher.close();
  });

  it("shows that it lives while nothing happens", async () => {
    const watcher = await Watcher.open(served, URL_PATH);
    await watcher.block();
    expect(await watcher.block()).toBe(": heartbeat");
    watcher.close();
  });

  it("does not let a client that reads nothing hold up the others", async () => {
    const deaf = await Watcher.open(served, `${URL_PATH}?after=0`);
    const watcher = await Watcher.open(served, URL_PATH);
    await closeWindows(1);
    expect(await watcher.events(3)).toHaveLength(3);
    deaf.close();
    watcher.close();
  });

  it("refuses unknown windows, datasets, wrong places, and too many clients", async () => {
    for (const name of ["none", "ticks"]) {
      const response = await served.fetch(`/v1/windows/${name}/live`);
      expect(response.status).toBe(404);
    }
    const wrong = await served.fetch(URL_PATH, { headers: { "last-event-id": "x" } });
    expect(wrong.status).toBe(400);
    const watchers: Watcher[] = [];
    while (watchers.length < 3) {
      const watcher = await Watcher.open(served, URL_PATH);
      // Clients of the tests before may take a moment to leave.
      if (watcher.response.status === 200) watchers.push(watcher);
    }
    const refused = await served.fetch(URL_PATH);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "KRB_SERVE_TOO_MANY_CLIENTS" });
    for (const watcher of watchers) watcher.close();
  });

  it("ends in order when the server closes", async () => {
    const own = await openServed(ticksProject);
    const watcher = await Watcher.open(own, URL_PATH);
    await watcher.block();
    await own[Symbol.asyncDispose]();
    expect(await watcher.block()).toBeUndefined();
  });

  it("tells of a result that is taken back, and of one that comes again", async () => {
    await using own = await openServed(movingProject);
    const watcher = await Watcher.open(own, "/v1/windows/per_minute/live");
    await watcher.block();
    const at = (minute: number): string =>
      new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
    const send = async (id: number, minute: number): Promise<void> => {
      const response = await own.post(
        "/v1/datasets/moving/rows",
        JSON.stringify({ time: at(minute), id, place: "a" }),
      );
      expect(await response.json()).toMatchObject({ accepted: 1 });
    };
    await send(1, 0);
    await send(2, 10);
    expect(await watcher.events(1)).toMatchObject([{ kind: "result", data: { n: 1, place: "a" } }]);
    // The only row of the first minute moves to the second one.
    await send(1, 1);
    const moved = await watcher.events(2);
    expect(moved.map(({ kind, data }) => [kind, data["window_start"]])).toEqual([
      ["retraction", "2026-01-01T00:00:00.000000Z"],
      [expect.stringMatching(/result|correction/), "2026-01-01T00:01:00.000000Z"],
    ]);
    expect(moved[0]?.data).toEqual({
      window_start: "2026-01-01T00:00:00.000000Z",
      window_end: "2026-01-01T00:01:00.000000Z",
      place: "a",
      revision: 2,
    });
    // After a checkpoint it can still be told to who comes back.
    await own.fetch("/v1/checkpoints", { method: "POST" });
    const again = await Watcher.open(own, "/v1/windows/per_minute/live?after=1");
    expect((await again.events(2)).map(({ kind }) => kind)).toContain("retraction");
    await send(1, 0);
    const back = await watcher.events(2);
    expect(back.map(({ kind, data }) => [kind, data["window_start"]])).toEqual([
      ["correction", "2026-01-01T00:00:00.000000Z"],
      ["retraction", "2026-01-01T00:01:00.000000Z"],
    ]);
    watcher.close();
    again.close();
  });
});

/** A row is where its newest version says. */
const moving = dataset({
  columns: { time: column.timestamp(), id: column.int64(), place: column.text() },
  eventTime: "time",
  key: ["id"],
  watermark: { outOfOrderness: "0s" },
});
const movingProject = defineProject({
  name: "moving",
  datasets: { moving },
  windows: {
    per_minute: tumbling({
      from: moving,
      size: "1m",
      by: ["place"],
      measure: { n: count() },
      allowedLateness: "1h",
    }),
  },
});
