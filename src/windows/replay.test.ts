/** History beside live rows: what it changes, when, and what it leaves alone. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PLATFORM_SETTINGS } from "../../test/support/served-platform.ts";
import { sql, type Sql } from "../core/sql.ts";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  hopping,
  last,
  session,
  stream,
  sum,
  tumbling,
} from "../index.ts";
import { resolveProject } from "../plan/resolve.ts";
import { openPlatform, type Platform } from "../platform/open-platform.ts";

const columns = { at: column.timestamp(), id: column.text(), n: column.int64() };
const events = dataset({ columns, eventTime: "at" });
const measure = { n: sum("n"), rows: count() };
const minutes = tumbling({ from: events, size: "1m", by: ["id"], measure });
const prices = dataset({ columns, eventTime: "at", key: ["id", "at"] });
const states = dataset({ columns, eventTime: "at", key: ["id"] });
const read = dataset({ columns, eventTime: "at" });
const project = defineProject({
  name: "p",
  datasets: { events, prices, read, states },
  streams: { follower: stream({ from: read }) },
  windows: {
    minutes,
    hours: tumbling({ from: minutes, size: "1h", measure: { n: sum("n"), parts: count() } }),
    patient: tumbling({ from: events, size: "1m", measure, allowedLateness: "10m" }),
    hops: hopping({ from: events, size: "3m", every: "1m", measure }),
    visits: session({ from: events, gap: "2m", by: ["id"], measure }),
    strict: session({
      from: events,
      gap: "2m",
      where: col("id").eq("s"),
      late: "side",
      measure,
    }),
    closes: tumbling({ from: prices, size: "1m", by: ["id"], measure: { n: last("n") } }),
  },
});

let directory: string;
let platform: Platform;

async function open(): Promise<void> {
  const settings = { ...PLATFORM_SETTINGS, dataDirectory: directory };
  platform = await openPlatform(resolveProject(project), settings, { backfillRows: 3 });
}

async function restart(): Promise<void> {
  await platform[Symbol.asyncDispose]();
  await open();
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-replay-"));
  await open();
});
afterEach(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

interface Sent {
  readonly into?: string;
  readonly producer?: string;
  readonly replay?: string;
}

/** Rows as `09:10:30 a 5`: of the first of January 2026, or of the day that is named. */
async function send(
  { into = "events", producer = "", replay }: Sent,
  ...lines: readonly string[]
): Promise<{ readonly late: number; readonly accepted: number }> {
  const body = lines.map((line) => {
    const [at = "", id, n] = line.split(" ");
    const day = at.includes("T") ? at : `2026-01-01T${at}`;
    return JSON.stringify({ at: `${day}Z`, id, n: Number(n) });
  });
  const outcome = await platform.ingest.accept({
    dataset: into,
    format: "ndjson",
    body: Buffer.from(body.join("\n")),
    onInvalid: "dead_letter",
    producer,
    idempotencyKey: "",
    replay,
  });
  await platform.replays.idle();
  if (outcome.kind !== "applied") throw new Error(outcome.reason);
  return { late: outcome.late, accepted: outcome.accepted };
}

async function end(name = "h", into = "events"): Promise<void> {
  await platform.replays.end(into, name);
  await platform.replays.idle();
}

async function rows(statement: Sql): Promise<readonly string[]> {
  await using connection = await platform.database.connect();
  const found = await connection.values(statement);
  return found.map((row) => row.map(String).join(" "));
}

/** As `start by… measures revision`. */
function results(name: string): Promise<readonly string[]> {
  return rows(sql`SELECT strftime(window_start, '%H:%M'), * EXCLUDE (window_start, window_end)
                    FROM ${sql.id(name)} ORDER BY ALL`);
}

function lateRows(): Promise<readonly string[]> {
  return rows(
    sql`SELECT _window, strftime("at", '%H:%M:%S'), _replayed FROM events.late_rows ORDER BY ALL`,
  );
}

function watermark(name = "events"): string | null {
  const found = platform.engine.status().datasets.find((one) => one.name === name);
  const us = found?.watermarkUs ?? null;
  return us === null ? null : new Date(Number(us / 1000n)).toISOString().slice(11, 19);
}

const H: Sent = { replay: "h" };

describe("beside live rows, a replay", () => {
  beforeEach(async () => {
    await send({}, "12:00:00 a 100", "12:01:00 a 200");
  });

  it("publishes windows when its own watermark passes them, and moves no other", async () => {
    expect(await send(H, "09:00:10 a 1", "09:00:20 b 2", "09:01:05 a 4")).toMatchObject({
      late: 0,
    });
    expect(await results("minutes")).toEqual(["09:00 a 1 1 2", "09:00 b 2 1 2", "12:00 a 100 1 1"]);
    expect(watermark()).toBe("12:01:00");
    await send(H, "09:03:00 a 8");
    expect(await results("minutes")).toEqual([
      "09:00 a 1 1 2",
      "09:00 b 2 1 2",
      "09:01 a 4 1 2",
      "12:00 a 100 1 1",
    ]);
    // The hour is over for live rows: it follows each correction.
    expect(await results("hours")).toEqual(["09:00 7 3 4"]);
    expect(await results("hops")).toEqual([
      "08:58 3 2 2",
      "08:59 7 3 2",
      "09:00 7 3 2",
      "11:58 100 1 1",
    ]);
    // What waits for its session is not told of as late.
    expect(platform.engine.status().datasets[0]).toMatchObject({ name: "events", lateRows: 0 });
    // That of a ends five seconds after what the replay has reached.
    expect(await results("visits")).toEqual(["09:00 b 2 1 2"]);
    expect(await lateRows()).toEqual([
      "visits 09:00:10 false",
      "visits 09:00:20 true",
      "visits 09:01:05 false",
      "visits 09:03:00 false",
    ]);
    await end();
    expect(await results("minutes")).toContain("09:03 a 8 1 2");
    expect(await results("visits")).toEqual(["09:00 a 13 3 2", "09:00 b 2 1 2"]);
    expect(platform.replays.list()).toMatchObject([{ state: "done", rows: 4, waiting: null }]);
    expect(watermark()).toBe("12:01:00");
  });

  it("has late rows of its own, which do not count and can be seen", async () => {
    const sent = await send(H, "09:00:10 a 1", "09:20:00 a 2", "09:00:30 a 4", "09:12:00 a 8");
    expect(sent).toMatchObject({ accepted: 4, late: 2 });
    expect(await results("minutes")).toEqual(["09:00 a 1 1 2", "12:00 a 100 1 1"]);
    // Eight minutes late are within ten, nineteen and a half are not.
    expect(await results("patient")).toEqual(["09:00 1 1 2", "09:12 8 1 2", "12:00 100 1 1"]);
    await end();
    expect(await results("minutes")).toEqual(["09:00 a 1 1 2", "09:20 a 2 1 2", "12:00 a 100 1 1"]);
    expect(platform.engine.status().datasets[0]).toMatchObject({ name: "events", lateRows: 11 });
    await platform.engine.checkpoint("test");
    await restart();
    expect(platform.engine.status().datasets[0]).toMatchObject({ name: "events", lateRows: 11 });
    const late = (await lateRows()).filter((line) => line.endsWith("false"));
    expect(late).toEqual([
      "hops 09:00:30 false",
      "hops 09:00:30 false",
      "hops 09:00:30 false",
      "hops 09:12:00 false",
      "hops 09:12:00 false",
      "hops 09:12:00 false",
      "minutes 09:00:30 false",
      "minutes 09:12:00 false",
      "patient 09:00:30 false",
      "visits 09:00:30 false",
      "visits 09:12:00 false",
    ]);
  });

  it("goes on after a restart, with and without a checkpoint", async () => {
    await send(H, "09:00:10 a 1", "09:01:05 a 4");
    const before = await results("minutes");
    await restart();
    expect(await results("minutes")).toEqual(before);
    await send(H, "09:00:50 a 16", "09:02:00 a 2");
    await platform.engine.checkpoint("test");
    await restart();
    await send({}, "12:02:00 a 1");
    await end();
    expect(await results("minutes")).toEqual([
      "09:00 a 1 1 2",
      "09:01 a 4 1 2",
      "09:02 a 2 1 2",
      "12:00 a 100 1 1",
      "12:01 a 200 1 1",
    ]);
    expect(platform.replays.list()).toMatchObject([{ name: "h", state: "done", rows: 4 }]);
  });

  it("is as slow as the slowest of its producers, and waits for those it was told of", async () => {
    await platform.replays.begin("events", "h", ["x", "y"]);
    await send({ ...H, producer: "x" }, "09:00:00 a 1", "09:05:00 a 2");
    expect(await results("minutes")).toEqual(["12:00 a 100 1 1"]);
    await send({ ...H, producer: "y" }, "09:00:30 a 4", "09:01:00 b 8");
    expect(await results("minutes")).toEqual(["09:00 a 5 2 2", "12:00 a 100 1 1"]);
    await platform.replays.finish("events", "h", "y");
    await platform.replays.idle();
    expect(await results("minutes")).toEqual(["09:00 a 5 2 2", "09:01 b 8 1 2", "12:00 a 100 1 1"]);
  });

  it("counts in windows that are open live when these close", async () => {
    await send(H, "12:00:30 a 1", "12:01:30 a 2", "12:01:10 a 4");
    await end();
    expect(await results("minutes")).toEqual(["12:00 a 101 2 2"]);
    await send({}, "12:09:00 a 1");
    expect(await results("minutes")).toEqual(["12:00 a 101 2 2", "12:01 a 206 3 1"]);
    // The sessions that reached into the open one waited for its end.
    expect(await results("visits")).toEqual(["12:00 a 307 5 2"]);
    expect(await results("hops")).toContain("12:00 307 5 1");
    expect(platform.replays.list()).toMatchObject([{ state: "done", waiting: null }]);
  });

  it("leaves alone what came too late for an open session that it would reopen", async () => {
    await send({}, "12:01:00 s 1", "12:03:10 s 2");
    expect(await send({}, "12:02:00 s 4")).toMatchObject({ late: 1 });
    await send(H, "09:00:00 s 8", "11:59:30 s 16");
    await end();
    const late = (await lateRows()).filter((line) => line.startsWith("strict 12"));
    expect(late).toEqual(["strict 12:02:00 false"]);
    expect(await results("strict")).toEqual(["09:00 8 1 2", "11:59 17 2 2"]);
  });

  it("replaces rows of a key that has the event time", async () => {
    await send({ into: "prices" }, "09:00:00 a 1", "09:00:30 a 2", "12:00:00 a 3");
    expect(await results("closes")).toEqual(["09:00 a 2 1"]);
    await send({ ...H, into: "prices" }, "09:00:30 a 7", "09:01:00 a 8");
    await end("h", "prices");
    expect(await results("closes")).toEqual(["09:00 a 7 2", "09:01 a 8 2"]);
  });

  it("is not judged by the clock", async () => {
    const far = await send(H, "2999-01-01T00:00:00 a 1");
    expect(far).toMatchObject({ accepted: 1, late: 0 });
    expect(watermark()).toBe("12:01:00");
  });
});

describe("in an empty dataset, a replay", () => {
  it("is what event time is, as live rows would be, and its end closes what it has reached", async () => {
    const sent = await send(H, "09:00:10 a 1", "09:02:00 a 4", "09:00:20 a 2");
    expect(sent).toMatchObject({ late: 1 });
    expect(watermark()).toBe("09:02:00");
    expect(await results("minutes")).toEqual(["09:00 a 1 1 1"]);
    expect(await results("visits")).toEqual([]);
    await end();
    await send({}, "12:00:00 b 1");
    expect(await results("minutes")).toEqual(["09:00 a 1 1 1", "09:02 a 4 1 1"]);
    expect(await results("visits")).toEqual(["09:00 a 7 3 1"]);
  });

  it("is beside live rows as soon as there are any", async () => {
    await send(H, "09:00:10 a 1", "09:02:00 a 4");
    await send({}, "12:00:00 b 1");
    expect(await results("minutes")).toEqual(["09:00 a 1 1 1", "09:02 a 4 1 1"]);
    expect(await send(H, "09:02:30 a 8", "09:03:00 a 2")).toMatchObject({ late: 0 });
    expect(watermark()).toBe("12:00:00");
    expect(await results("minutes")).toEqual(["09:00 a 1 1 1", "09:02 a 12 2 2"]);
    await end();
    expect(await results("minutes")).toEqual(["09:00 a 1 1 1", "09:02 a 12 2 2", "09:03 a 2 1 2"]);
  });

  it("closes nothing before all of its producers have sent", async () => {
    await platform.replays.begin("events", "h", ["x", "y"]);
    await send({ ...H, producer: "x" }, "09:00:00 a 1", "09:05:00 a 2");
    expect(watermark()).toBe(null);
    await send({}, "12:00:00 b 1");
    await send({ ...H, producer: "y" }, "09:00:30 a 4", "09:06:00 a 8");
    await end();
    expect(await results("minutes")).toEqual(["09:00 a 5 2 2", "09:05 a 2 1 2", "09:06 a 8 1 2"]);
  });
});

it("there is room for a thousand at a time", async () => {
  await send(H, "09:00:00 a 1");
  for (let at = 1; at < 1000; at++) await platform.replays.begin("events", `r${at}`, []);
  expect(() => platform.replays.checkRoom("events", "another")).toThrow("1000 replays");
  platform.replays.checkRoom("events", "r999");
  await end();
  platform.replays.checkRoom("events", "another");
});

it("a dataset whose newest row would be replaced, or that a stream reads, takes no replay", async () => {
  const refused = { code: "KRB_INGEST_REPLAY" };
  await expect(send({ ...H, into: "states" }, "09:00:00 a 1")).rejects.toMatchObject(refused);
  await expect(send({ ...H, into: "read" }, "09:00:00 a 1")).rejects.toMatchObject(refused);
});
