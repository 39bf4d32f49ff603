/**
 * Windows over windows in a platform that is closed, opened and written down between the levels.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PLATFORM_SETTINGS } from "../../test/support/served-platform.ts";
import { sql } from "../core/sql.ts";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  hopping,
  last,
  max,
  sum,
  top,
  tumbling,
} from "../index.ts";
import { resolveProject } from "../plan/resolve.ts";
import { openPlatform, type Platform } from "../platform/open-platform.ts";

/** The last word on each order: a row that comes again moves it to another time. */
const orders = dataset({
  columns: { at: column.timestamp(), id: column.text(), total: column.int64() },
  eventTime: "at",
  key: ["id"],
});
const minutes = tumbling({
  from: orders,
  size: "1m",
  measure: { n: count(), total: sum("total"), close: last("id") },
  allowedLateness: "2 days",
});
const hours = tumbling({
  from: minutes,
  size: "1h",
  measure: { n: sum("n"), total: sum("total"), best: max("total"), close: last("close") },
});
const days = tumbling({
  from: hours,
  size: "1 day",
  measure: { n: sum("n"), total: sum("total"), best: max("best"), hours: count() },
});
const datasets = { orders };
const all = defineProject({ name: "p", datasets, windows: { days, hours, minutes } });
const lower = defineProject({ name: "p", datasets, windows: { minutes } });

let directory: string;
let platform: Platform;
let sent = 0;

async function open(project: unknown = all): Promise<void> {
  const settings = { ...PLATFORM_SETTINGS, dataDirectory: directory, acceptDestructive: true };
  platform = await openPlatform(resolveProject(project), settings);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-follow-"));
  await open();
});
afterEach(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Rows as `2026-01-01T00:00:10Z a 5`. */
async function send(...rows: readonly string[]): Promise<void> {
  const lines = rows.map((row) => {
    const [at, id, total] = row.split(" ");
    return JSON.stringify({ at: `2026-01-${at}`, id, total: Number(total) });
  });
  await platform.ingest.accept({
    dataset: "orders",
    format: "ndjson",
    body: Buffer.from(lines.join("\n")),
    onInvalid: "dead_letter",
    producer: "",
    idempotencyKey: `k${sent++}`,
  });
}

async function results(name: string): Promise<readonly string[]> {
  await using connection = await platform.database.connect();
  const rows = await connection.values(
    sql`SELECT strftime(window_start, '%d %H:%M'), * EXCLUDE (window_start, window_end)
          FROM ${sql.id(name)} ORDER BY window_start`,
  );
  return rows.map((row) => row.map(String).join(" "));
}

async function again(): Promise<void> {
  await platform[Symbol.asyncDispose]();
  await open();
}

describe("windows over windows", () => {
  it("close with the last window that they can read", async () => {
    await send("01T00:00:10Z a 1", "01T00:59:10Z b 2", "01T01:00:30Z c 4");
    expect(await results("minutes")).toHaveLength(2);
    expect(await results("hours")).toEqual(["01 00:00 2 3 2 b 1"]);
    await platform.engine.checkpoint("test");
    await again();
    await send("02T00:00:00Z d 8");
    expect(await results("hours")).toEqual(["01 00:00 2 3 2 b 1", "01 01:00 1 4 4 c 1"]);
    expect(await results("days")).toEqual(["01 00:00 3 7 4 2 1"]);
  });

  it("follow corrections through all levels, also those of one batch with the close", async () => {
    await send("01T00:00:10Z a 1", "02T00:00:00Z d 8");
    await again();
    await send("01T00:00:20Z b 2", "01T05:00:00Z c 4");
    expect(await results("minutes")).toEqual(["01 00:00 2 3 b 2", "01 05:00 1 4 c 2"]);
    expect(await results("hours")).toEqual(["01 00:00 2 3 3 b 2", "01 05:00 1 4 4 c 2"]);
    expect(await results("days")).toEqual(["01 00:00 3 7 4 2 3"]);
    await send("02T12:00:00Z e 1", "02T00:00:01Z f 1", "03T00:00:00Z g 1");
    expect((await results("days")).at(-1)).toBe("02 00:00 3 10 9 2 2");
  });

  it("take results back when the last row under them moves away", async () => {
    await send("01T00:00:10Z a 1", "01T03:00:00Z b 2", "02T00:00:00Z d 8", "03T00:00:00Z e 8");
    expect(await results("days")).toHaveLength(2);
    // Order a moves to another hour of its day, then b and a to another day.
    await send("01T03:30:00Z a 1");
    expect(await results("hours")).toEqual(["01 03:00 2 3 2 a 2", "02 00:00 1 8 8 d 1"]);
    await platform.engine.checkpoint("test");
    await again();
    await send("02T03:00:00Z a 1", "02T03:00:00Z b 2");
    expect(await results("minutes")).toHaveLength(2);
    expect(await results("hours")).toEqual(["02 00:00 1 8 8 d 1", "02 03:00 2 3 3 b 3"]);
    expect(await results("days")).toEqual(["02 00:00 3 11 8 2 3"]);
    // And one comes back.
    await send("01T00:00:10Z a 5");
    expect((await results("days"))[0]).toMatch(/^01 00:00 1 5 5 1 /);
  });

  it("catch up where they are new over results that are old", async () => {
    await platform[Symbol.asyncDispose]();
    await open(lower);
    await send("01T00:00:10Z a 1", "01T01:00:00Z b 2", "02T00:00:00Z d 8");
    await platform.engine.checkpoint("test");
    await again();
    await expect.poll(async () => results("days")).toEqual(["01 00:00 2 3 2 2 1"]);
    expect(await results("hours")).toHaveLength(2);
    await send("01T00:30:00Z c 4");
    expect(await results("days")).toEqual(["01 00:00 3 7 4 2 2"]);
  });

  it("rank the groups of each window, and again after a correction", async () => {
    await platform[Symbol.asyncDispose]();
    const counts = hopping({
      from: orders,
      size: "2m",
      every: "1m",
      by: { kind: col("id").substring(1, 1) },
      measure: { n: count() },
      allowedLateness: "1h",
    });
    const best = tumbling({
      from: counts,
      size: "1m",
      measure: { kinds: top(2, "n", ["kind"]) },
    });
    await open(defineProject({ name: "p", datasets, windows: { counts, best } }));
    const ranked = async (): Promise<readonly string[]> => {
      await using connection = await platform.database.connect();
      const found = await connection.values(
        sql`SELECT strftime(window_start, '%M'), kinds->0->>'kind', kinds->0->>'value',
                   kinds->1->>'kind', revision FROM best ORDER BY window_start`,
      );
      return found.map((row) => row.map(String).join(" "));
    };
    await send("01T00:01:10Z b1 1", "01T00:01:20Z a1 1", "01T00:01:30Z b2 1", "01T00:02:10Z c1 1");
    await send("01T00:04:00Z z 1");
    expect(await ranked()).toEqual(["00 b 2 a 1", "01 b 2 a 1", "02 c 1 null 1"]);
    await send("01T00:01:40Z a2 1", "01T00:02:20Z a3 1");
    // Of equal numbers the group that sorts first stands higher.
    expect(await ranked()).toEqual(["00 a 2 b 2", "01 a 3 b 3", "02 a 1 c 2"]);
  });
});
