import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
});
