import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { column, count, dataset, defineProject, tumbling } from "../../index.ts";
import { openRelay } from "../../../test/support/relay.ts";
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

/** The number in an event's id. */
function placeOf(id = ""): number {
  return Number(id.split(".")[0]);
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
    expect(await watcher.block()).toMatch(/^retry: \d+\nid: 0\.[0-9a-f]{8}$/);
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
    expect(placeOf(correction?.id)).toBeGreaterThan(placeOf(results.at(-1)?.id));
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
    expect(missed.map(({ id }) => placeOf(id))).toEqual(
      Array.from({ length: 7 }, (_, i) => placeOf(seen) + 1 + i),
    );
    again.close();
  });

  it("begins where the URL says, in pages without end", async () => {
    await closeWindows(150);
    const watcher = await Watcher.open(served, `${URL_PATH}?after=0`);
    const { published = 0, corrected = 0 } = served.platform.engine.status().windows[0] ?? {};
    expect(published).toBeGreaterThan(450);
    const events = await watcher.events(published + corrected);
    const keys = events.map(
      ({ data }) => `${String(data["window_start"])} ${String(data["symbol"])}`,
    );
    expect(new Set(keys).size).toBe(published);
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
    for (const wrong of ["after=x", "after=-1", "last=x", "from=noon", "last=1&after=1", "x=1"]) {
      const response = await served.fetch(`${URL_PATH}?${wrong}`);
      expect(await response.json()).toMatchObject({ status: 400, code: "KRB_SERVE_PARAMETER" });
    }
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

describe("a client that cannot go on where it was", () => {
  it.each([
    ["malformed", () => "x"],
    ["malformed", () => "17"],
    ["malformed", () => "1.0123456789abcdef"],
    ["foreign", () => "1.00000000"],
    ["beyond", (id: string) => id.replace(/^\d+/, "999999999")],
  ])("is told to begin anew: %s", async (reason, idOf) => {
    await using own = await openServed(ticksProject);
    await own.post("/v1/datasets/ticks/rows", tickLines(61));
    const first = await Watcher.open(own, `${URL_PATH}?after=0`);
    await first.events(3);
    first.close();
    const headers = { "last-event-id": idOf(first.lastId) };
    const again = await Watcher.open(own, URL_PATH, headers);
    const [reset] = await again.events(1);
    expect(reset).toMatchObject({ kind: "reset", id: first.lastId, data: { reason } });
    // What comes from then on is told as always, and only that.
    await own.post("/v1/datasets/ticks/rows", tickLines(61, 60));
    const events = await again.events(3);
    expect(events.map(({ kind }) => kind)).toEqual(["result", "result", "result"]);
    expect(events.map(({ id }) => placeOf(id))).toEqual([4, 5, 6]);
    again.close();
  });

  it("is told so too where another relation's id or a later one is in the URL", async () => {
    await using own = await openServed(ticksProject);
    await own.post("/v1/datasets/ticks/rows", tickLines(61));
    const rows = await Watcher.open(own, "/v1/datasets/ticks/live?last=1");
    await rows.events(1);
    for (const after of [rows.lastId, "62"]) {
      const watcher = await Watcher.open(own, `${URL_PATH}?after=${after}`);
      expect(await watcher.events(1)).toMatchObject([{ kind: "reset" }]);
      watcher.close();
    }
    rows.close();
  });

  it("hears of it as a browser does, when the data directory is another one", async () => {
    const settings = { serve: { token: null } };
    await using first = await openServed(ticksProject, settings);
    await using second = await openServed(ticksProject, settings);
    await using relay = await openRelay(first.server.url);
    const browser = openBrowser(relay.url + URL_PATH);
    try {
      expect(await browser.next()).toEqual({ event: "open" });
      await first.post("/v1/datasets/ticks/rows", tickLines(61));
      for (const _ of [1, 2, 3]) expect(await browser.next()).toEqual({ event: "result" });
      relay.moveTo(second.server.url);
      expect(await browser.next()).toEqual({ event: "open" });
      expect(await browser.next()).toEqual({ event: "reset", data: '{"reason":"foreign"}' });
    } finally {
      browser.close();
    }
  });
});

describe("watching a dataset", () => {
  it("tells each row as it comes, of side tables and window results too", async () => {
    await using own = await openServed(ticksProject);
    const watcher = await Watcher.open(own, "/v1/datasets/ticks/live");
    await watcher.block();
    await own.post("/v1/datasets/ticks/rows", `${tickLines(2)}{"time":"noon"}\n`);
    const events = await watcher.events(2);
    expect(events).toMatchObject([
      { kind: "row", data: { symbol: "S0", price: "0.0000", quantity: 1 } },
      { kind: "row", data: { time: "2026-01-01T00:00:01.000000Z", symbol: "S1" } },
    ]);
    const letters = await Watcher.open(own, "/v1/datasets/ticks.dead_letters/live?last=5");
    expect(await letters.events(1)).toMatchObject([{ kind: "row", data: { line: 3 } }]);
    await own.fetch("/v1/datasets/ticks/dead-letters", { method: "DELETE" });
    expect(await letters.events(1)).toMatchObject([{ kind: "retraction" }]);
    const unknown = await own.fetch("/v1/datasets/none/live");
    expect(await unknown.json()).toMatchObject({ code: "KRB_QUERY_UNKNOWN_RELATION" });
    for (const one of [watcher, letters]) one.close();
  });

  it("begins with the last rows, or at a time, in memory and in chunks", async () => {
    await using own = await openServed(ticksProject);
    await own.post("/v1/datasets/ticks/rows", tickLines(1000));
    await own.fetch("/v1/checkpoints", { method: "POST" });
    await own.post("/v1/datasets/ticks/rows", tickLines(500, 1000));
    const pricesOf = async (query: string, count: number): Promise<number[]> => {
      const watcher = await Watcher.open(own, `/v1/datasets/ticks/live?${query}`);
      const events = await watcher.events(count);
      watcher.close();
      return events.map(({ data }) => Number(data["price"]));
    };
    const upTo = (from: number): number[] =>
      Array.from({ length: 1500 - from }, (_, i) => from + i);
    expect(await pricesOf("last=3", 3)).toEqual(upTo(1497));
    expect(await pricesOf("last=700", 700)).toEqual(upTo(800));
    expect(await pricesOf("last=9999", 1500)).toEqual(upTo(0));
    expect(await pricesOf("from=2026-01-01T00:16:30Z", 510)).toEqual(upTo(990));
    expect(await pricesOf("from=2025-01-01", 1500)).toEqual(upTo(0));
  });
});

/** The EventSource of Node, in a process of its own, with what it hears. */
function openBrowser(url: string): { next(): Promise<unknown>; close(): void } {
  const script = `
    const source = new EventSource(${JSON.stringify(url)});
    const say = (value) => console.log(JSON.stringify(value));
    // Its own timer for coming back does not keep the process.
    setInterval(() => undefined, 60_000);
    source.onopen = () => say({ event: "open" });
    for (const event of ["result", "reset"]) {
      source.addEventListener(event, ({ data }) => say({ event, ...(event === "reset" ? { data } : {}) }));
    }`;
  const args = ["--experimental-eventsource", "--no-warnings", "-e", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    next: async () => {
      const line = await lines.next();
      return line.done === true ? undefined : (JSON.parse(line.value) as unknown);
    },
    close: () => child.kill(),
  };
}

describe("watching a window with early results", () => {
  it("tells what it comes to so far, and then the result", async () => {
    const clicks = dataset({ columns: { time: column.timestamp() }, eventTime: "time" });
    await using own = await openServed(
      defineProject({
        name: "clicks",
        datasets: { clicks },
        windows: {
          per_hour: tumbling({
            from: clicks,
            size: "1h",
            measure: { n: count() },
            emit: "update",
            throttle: "250ms",
          }),
        },
      }),
    );
    const watcher = await Watcher.open(own, "/v1/windows/per_hour/live");
    const send = async (time: string): Promise<void> => {
      await own.post("/v1/datasets/clicks/rows", JSON.stringify({ time: `2026-01-01T${time}Z` }));
    };
    await send("00:10:00");
    expect(await watcher.events(1)).toMatchObject([{ kind: "early", data: { n: 1, revision: 0 } }]);
    await send("00:20:00");
    expect(await watcher.events(1)).toMatchObject([{ kind: "early", data: { n: 2, revision: 0 } }]);
    await send("01:00:00");
    const [first, second] = await watcher.events(2);
    expect(first).toMatchObject({ kind: "result", data: { n: 2, revision: 1 } });
    expect(second).toMatchObject({ kind: "early", data: { n: 1, revision: 0 } });
    watcher.close();
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
