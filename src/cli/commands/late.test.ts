/** `kurobe late` against the real server. */
import { expect, it } from "vitest";
import { type CliRun, runInMemory } from "../../../test/support/memory-terminal.ts";
import { openServed, type Served, TOKEN } from "../../../test/support/served-platform.ts";
import { column, count, dataset, defineProject, session, sum, tumbling } from "../../index.ts";

const ticks = dataset({
  columns: { time: column.timestamp(), symbol: column.text(), quantity: column.int64() },
  eventTime: "time",
  watermark: { outOfOrderness: "0s" },
});
const measure = { trades: count(), quantity: sum("quantity") };
const project = defineProject({
  name: "late",
  datasets: { ticks },
  windows: {
    bars: tumbling({ from: ticks, size: "1m", by: ["symbol"], measure }),
    hours: tumbling({ from: ticks, size: "1h", measure, late: "side", allowedLateness: "1d" }),
    days: tumbling({ from: "bars", size: "1 day", measure: { trades: sum("trades") } }),
    visits: session({ from: ticks, gap: "2m", measure }),
  },
});

const START_MS = Date.UTC(2026, 0, 1);

async function send(served: Served, ...minutes: readonly number[]): Promise<void> {
  const lines = minutes.map((minute) =>
    JSON.stringify({
      time: new Date(START_MS + minute * 60_000).toISOString(),
      symbol: "A",
      quantity: 1,
    }),
  );
  const response = await served.post("/v1/datasets/ticks/rows", lines.join("\n"));
  expect(await response.json()).toMatchObject({ accepted: minutes.length });
}

async function run(served: Served, args: readonly string[], columns?: number): Promise<CliRun> {
  const environment = { KUROBE_URL: served.server.url, KUROBE_TOKEN: TOKEN };
  const screen = columns === undefined ? {} : { columns };
  return await runInMemory(["late", ...args], { environment, ...screen });
}

async function runJson(served: Served, args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(served, [...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

async function rowsOf(served: Served, statement: string): Promise<unknown> {
  const response = await served.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "text/plain", accept: "application/json" },
    body: statement,
  });
  return ((await response.json()) as { readonly rows: unknown }).rows;
}

it("lists late rows with the reason, and lets them count once", async () => {
  await using served = await openServed(project);
  // Two hours and a day go by; then three rows of the first hour come.
  await send(served, 0, 0.5, 130, 3000);
  await send(served, 0.2, 1, 1.5);
  expect(await runJson(served, ["ls"])).toEqual({
    lateRows: [
      ["bars", "no allowedLateness", 2, 2_999 * 60_000],
      ["hours", 'late: "side"', 1, 2_940 * 60_000],
      ["visits", "no allowedLateness", 3, 2_998.5 * 60_000],
    ].map(([window, reason, windows, latestByMs]) => ({
      dataset: "ticks",
      window,
      reason,
      rows: 3,
      windows: window === "visits" ? expect.any(Number) : windows,
      first: "2026-01-01T00:00:12.000000Z",
      last: "2026-01-01T00:01:30.000000Z",
      latestByMs: window === "visits" ? expect.any(Number) : latestByMs,
    })),
  });
  const table = await run(served, ["ls", "ticks"], 80);
  expect(table.stdout).toContain("bars over ticks, no allowedLateness");
  expect(await runJson(served, ["replay", "ticks", "--window", "bars"])).toEqual({
    replayed: 3,
    added: 1,
    corrected: 1,
    takenBack: 0,
  });
  const bars = `SELECT trades, quantity, revision FROM bars WHERE trades > 1 ORDER BY window_start`;
  expect(await rowsOf(served, bars)).toEqual([
    [3, 3, 2],
    [2, 2, 2],
  ]);
  // What is computed from these results follows.
  expect(await rowsOf(served, `SELECT trades FROM days ORDER BY window_start LIMIT 1`)).toEqual([
    [6],
  ]);
  expect(await runJson(served, ["replay", "ticks"])).toMatchObject({ corrected: 2 });
  const visits = `SELECT trades, window_end FROM visits ORDER BY window_start LIMIT 1`;
  expect(await rowsOf(served, visits)).toEqual([[5, "2026-01-01T00:03:30.000000Z"]]);
  const again = await run(served, ["replay", "ticks"], 80);
  expect(again.stdout).toBe("No row of these windows is late.\n");
  expect(await runJson(served, ["ls"])).toEqual({ lateRows: [] });
  const status = served.platform.engine.status().datasets[0];
  expect(status).toMatchObject({ lateRows: 0, late: 3 });
  const marked = `SELECT count(*), bool_and(_replayed) FROM ticks.late_rows`;
  expect(await rowsOf(served, marked)).toEqual([[9, true]]);
});

it("replays the windows of a range only, and the same after a restart", async () => {
  await using served = await openServed(project);
  await send(served, 0, 10, 20, 30, 3000);
  await send(served, 0, 10, 20, 30);
  const range = ["--from", "2026-01-01T00:10Z", "--to", "2026-01-01T00:30Z"];
  const replayed = await runJson(served, ["replay", "ticks", "--window", "bars", ...range]);
  expect(replayed).toMatchObject({ replayed: 2, corrected: 2 });
  const bars = `SELECT trades FROM bars ORDER BY window_start`;
  expect(await rowsOf(served, bars)).toEqual([[1], [2], [2], [1]]);
  // The command is in the log: a start that reads it back comes to the same.
  const { directory } = served;
  const late = await runJson(served, ["ls"]);
  await served.server[Symbol.asyncDispose]();
  await served.platform[Symbol.asyncDispose]();
  await using again = await openServed(project, { directory });
  expect(await rowsOf(again, bars)).toEqual([[1], [2], [2], [1]]);
  expect(await runJson(again, ["ls"])).toEqual(late);
  expect(again.platform.engine.status().datasets[0]).toMatchObject({ lateRows: 4 + 4 + 2 });
});

it("refuses what does not exist", async () => {
  await using served = await openServed(project);
  const failures = [
    [["ls", "tocks"], "KRB_WINDOWS_UNKNOWN"],
    [["replay", "tocks"], "KRB_WINDOWS_UNKNOWN"],
    [["replay", "ticks", "--window", "days"], "Its windows: bars, hours, visits."],
    [["replay", "ticks", "--from", "noon"], "KRB_CLI_USAGE"],
  ] as const;
  for (const [args, message] of failures) {
    const { code, stderr } = await run(served, args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  }
});
