/** Early results: how often, what they hold, and what becomes of them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PLATFORM_SETTINGS } from "../../test/support/served-platform.ts";
import { type Clock } from "../core/clock.ts";
import { sql } from "../core/sql.ts";
import {
  alert,
  col,
  count,
  dataset,
  column,
  defineProject,
  hopping,
  session,
  stream,
  sum,
  threshold,
  tumbling,
  webhook,
} from "../index.ts";
import { resultsAsDataset } from "../plan/result-dataset.ts";
import { resolveProject } from "../plan/resolve.ts";
import { deliveryRules } from "../sinks/delivery.ts";
import { openPlatform, type Platform } from "../platform/open-platform.ts";

const columns = { at: column.timestamp(), id: column.text(), n: column.int64() };
const watermark = { maxFutureSkew: "1 day" };
const events = dataset({ columns, eventTime: "at", watermark });
/** Its windows stay open for a while. */
const calls = dataset({
  columns,
  eventTime: "at",
  watermark: { ...watermark, outOfOrderness: "30s" },
});
/** An alert watches its window, and asks for a tick whenever that has results. */
const alarming = dataset({ columns, eventTime: "at", watermark });
/** Its rows are replaced. */
const states = dataset({ columns, eventTime: "at", key: ["id"] });
const often = { emit: "update", throttle: "10s" } as const;
const minutes = tumbling({
  from: events,
  size: "1m",
  by: ["id"],
  measure: { n: sum("n") },
  ...often,
});
const watched = tumbling({
  from: alarming,
  size: "1m",
  by: ["id"],
  measure: { n: sum("n") },
  ...often,
});
const plenty = stream({ from: events, where: col("n").gt(4) });
const project = defineProject({
  name: "p",
  datasets: { alarming, calls, events, states },
  streams: { plenty },
  windows: {
    minutes,
    watched,
    hours: tumbling({ from: minutes, size: "1h", measure: { n: sum("n"), parts: count() } }),
    visits: session({ from: calls, gap: "30s", by: ["id"], measure: { n: sum("n") }, ...often }),
    hops: hopping({ from: events, size: "2m", every: "1m", measure: { n: sum("n") }, ...often }),
    hops_by_id: hopping({
      from: events,
      size: "2m",
      every: "1m",
      by: ["id"],
      measure: { n: sum("n") },
      ...often,
    }),
    plenty_hops: hopping({
      from: plenty,
      size: "3m",
      every: "1m",
      by: ["id"],
      measure: { n: sum("n") },
      ...often,
    }),
    totals: tumbling({ from: states, size: "1m", by: ["id"], measure: { n: sum("n") }, ...often }),
  },
  sinks: {
    hook: webhook({ from: minutes, url: "http://127.0.0.1:9", allowPrivateAddresses: true }),
  },
  alerts: { loud: alert({ on: watched, when: threshold({ of: "n", above: 4 }) }) },
});

const NOON_US = BigInt(Date.UTC(2026, 0, 1, 12)) * 1000n;

class HeldClock implements Clock {
  us = NOON_US;
  nowUs(): bigint {
    return this.us;
  }
  monotonicMs(): number {
    return 0;
  }
}

let directory: string;
let platform: Platform;
let clock: HeldClock;

async function open(): Promise<void> {
  const settings = { ...PLATFORM_SETTINGS, dataDirectory: directory };
  platform = await openPlatform(resolveProject(project), settings, { clock });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-early-"));
  clock = new HeldClock();
  await open();
});
afterEach(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Rows as `00:10 a 5`: minutes and seconds after twelve, or a whole time. */
async function send(into: string, ...lines: readonly string[]): Promise<void> {
  const body = lines.map((line) => {
    const [at = "", id, n] = line.split(" ");
    const time = at.length === 5 ? `12:${at}` : at;
    return JSON.stringify({ at: `2026-01-01T${time}Z`, id, n: Number(n) });
  });
  await platform.ingest.accept({
    dataset: into,
    format: "ndjson",
    body: Buffer.from(body.join("\n")),
    onInvalid: "dead_letter",
    producer: "",
    idempotencyKey: "",
  });
}

async function after(seconds: number): Promise<void> {
  clock.us += BigInt(seconds) * 1_000_000n;
  await platform.engine.tick();
}

/** As `minute by… measures revision`. */
async function results(name: string): Promise<readonly string[]> {
  await using connection = await platform.database.connect();
  const found = await connection.values(
    sql`SELECT strftime(window_start, '%M'), * EXCLUDE (window_start, window_end)
          FROM ${sql.id(name)} ORDER BY ALL`,
  );
  return found.map((row) => row.map(String).join(" "));
}

async function written(name: string): Promise<number> {
  await using connection = await platform.database.connect();
  const [row] = await connection.rows<{ n: bigint }>(
    sql`SELECT max(_seq) AS n FROM live.${sql.id(name)}`,
  );
  return Number(row?.n ?? 0n);
}

/** What a webhook would be told. */
function deliveries(): readonly (number | undefined)[] {
  const plan = resolveProject(project);
  const [window] = plan.windows.filter((one) => one.name === "minutes");
  if (window === undefined) throw new Error("no window");
  const [sink] = plan.sinks;
  if (sink === undefined) throw new Error("no sink");
  const rules = deliveryRules(plan, sink, resultsAsDataset(window), 0);
  return [0, 1, 2].map((revision) => {
    const row = { window_start: "a", window_end: "b", id: "c", n: 1, revision };
    return rules.deliveryOf({ seq: 1, isDeleted: false, row })?.revision;
  });
}

describe("early results", () => {
  it("are told to nobody who could not take it back", async () => {
    expect(deliveries()).toEqual([undefined, 1, 2]);
    const states = async (): Promise<unknown> => {
      await using connection = await platform.database.connect();
      return await connection.values(sql`SELECT state FROM loud`);
    };
    await send("alarming", "00:10 a 5");
    await after(0);
    expect(await results("watched")).toEqual(["00 a 5 0"]);
    expect(await states()).toEqual([]);
    await send("alarming", "01:00 b 1");
    await after(0);
    expect(await states()).toEqual([["firing"]]);
  });

  it("come at the next tick, then at most once a throttle, then give way to the final one", async () => {
    await send("events", "00:10 a 1", "00:11 b 2");
    await after(0);
    expect(await results("minutes")).toEqual(["00 a 1 0", "00 b 2 0"]);
    await send("events", "00:12 a 4");
    await after(9);
    expect(await results("minutes")).toEqual(["00 a 1 0", "00 b 2 0"]);
    await after(1);
    expect(await results("minutes")).toEqual(["00 a 5 0", "00 b 2 0"]);
    // Only what is news is written: two, one, and nothing more.
    await after(100);
    expect(await written("minutes")).toBe(3);
    await send("events", "01:00 b 8");
    expect(await results("minutes")).toEqual(["00 a 5 1", "00 b 2 1"]);
    await after(0);
    expect(await results("minutes")).toEqual(["00 a 5 1", "00 b 2 1", "01 b 8 0"]);
  });

  it("go on after a restart where they were", async () => {
    await send("events", "00:10 a 1");
    await after(0);
    await send("events", "00:12 a 4");
    await platform.engine.checkpoint("test");
    await platform[Symbol.asyncDispose]();
    await open();
    await after(9);
    expect(await results("minutes")).toEqual(["00 a 1 0"]);
    await after(1);
    expect(await results("minutes")).toEqual(["00 a 5 0"]);
    expect(await results("hops")).toEqual(["00 5 0", "59 5 0"]);
  });

  it("of hopping windows are there for each that is open", async () => {
    await send("events", "00:10 a 1", "01:10 a 2", "02:10 a 4");
    await after(0);
    expect(await results("hops")).toEqual(["00 3 1", "01 6 0", "02 4 0", "59 1 1"]);
    await send("events", "02:20 a 8");
    await after(10);
    expect(await results("hops")).toEqual(["00 3 1", "01 14 0", "02 12 0", "59 1 1"]);
  });

  it("of hopping windows are there for groups whose rows lie behind what is closed", async () => {
    // One group's row is followed, before the tick, by one that closes its slide.
    await send("events", "00:10 a 1", "01:10 b 2");
    await after(0);
    const closed = "59 a 1 1";
    const open = ["00 a 1 0", "00 b 2 0", "01 b 2 0"];
    expect(await results("hops_by_id")).toEqual([...open, closed]);
    // Too late for one window, in time for the next.
    await send("events", "00:20 c 4", "00:30 a 8");
    await after(10);
    const later = ["00 a 9 0", "00 b 2 0", "00 c 4 0", "01 b 2 0", closed];
    expect(await results("hops_by_id")).toEqual(later);
  });

  it("of hopping windows are there where only time goes on", async () => {
    // The stream keeps the second row out.
    await send("events", "00:10 a 5", "02:10 b 1");
    await after(0);
    expect(await results("plenty_hops")).toEqual(["00 a 5 0", "58 a 5 1", "59 a 5 1"]);
  });

  it("of sessions move with their start, and go when another session takes them in", async () => {
    await send("calls", "00:00 x 1", "10:00 a 1", "10:40 a 2", "10:50 b 4");
    await after(0);
    expect(await results("visits")).toEqual(["00 x 1 1", "10 a 1 0", "10 a 2 0", "10 b 4 0"]);
    // In between: the two of a are one.
    await send("calls", "10:20 a 8");
    await platform.engine.checkpoint("test");
    await platform[Symbol.asyncDispose]();
    await open();
    await after(10);
    expect(await results("visits")).toEqual(["00 x 1 1", "10 a 11 0", "10 b 4 0"]);
    await send("calls", "12:00 c 1");
    await after(10);
    expect(await results("visits")).toEqual(["00 x 1 1", "10 a 11 1", "10 b 4 1", "12 c 1 0"]);
  });

  it("are taken back when the rows under them move away", async () => {
    await send("states", "00:10 a 1", "00:20 b 2");
    await after(0);
    expect(await results("totals")).toEqual(["00 a 1 0", "00 b 2 0"]);
    // In its own window b has nothing when that closes.
    await send("states", "01:20 b 3");
    expect(await results("totals")).toEqual(["00 a 1 1"]);
    await after(10);
    expect(await results("totals")).toEqual(["00 a 1 1", "01 b 3 0"]);
    await send("states", "01:30 c 1", "01:59 b 1");
    await after(10);
    await send("states", "01:30 d 1", "01:58 c 9");
    await after(10);
    expect(await results("totals")).toEqual(["00 a 1 1", "01 b 1 0", "01 c 9 0", "01 d 1 0"]);
  });

  it("are not read by windows over windows", async () => {
    await send("events", "00:10 a 1", "58:00 a 2", "59:30 b 4");
    await after(0);
    expect(await results("minutes")).toEqual(["00 a 1 1", "58 a 2 1", "59 b 4 0"]);
    expect(await results("hours")).toEqual([]);
    await send("events", "59:59 b 1");
    await after(10);
    await send("events", "13:00:30 z 99");
    await after(10);
    expect(await results("hours")).toEqual(["00 8 3 1"]);
  });
});
