import { afterAll, beforeAll, expect, it } from "vitest";
import { sql } from "../../src/core/sql.ts";
import { resolveProject } from "../../src/plan/resolve.ts";
import { type ExamplePlatform, openExample } from "../example-platform.ts";
import { type DailyBar, readDailyBars } from "./daily.ts";
import project from "./kurobe.config.ts";
import { syntheticTicks, type Tick } from "./synthetic-ticks.ts";

const FIVE_MINUTES_MS = 300_000;

let example: ExamplePlatform;
const bars = readDailyBars();

beforeAll(async () => {
  example = await openExample(project);
  for (const part of [bars.slice(0, 2_000), bars.slice(2_000)]) {
    const outcome = await example.ingest("daily", ndjson(part));
    if (outcome.accepted !== part.length) throw new Error(JSON.stringify(outcome));
  }
});

afterAll(() => example[Symbol.asyncDispose]());

it("plans daily bars, ticks and three windows", () => {
  const plan = resolveProject(project);
  expect(plan.datasets.map(({ name }) => name)).toEqual(["daily", "ticks"]);
  expect(plan.windows.map(({ name }) => name)).toEqual(["bars_5m", "monthly", "weekly"]);
});

it("makes monthly bars that are the first open, highest high, lowest low, last close", async () => {
  const published = await example.rows(sql`
    SELECT strftime(timezone('America/New_York', timezone('UTC', window_start)), '%Y-%m') AS month,
      open::VARCHAR AS open, high::VARCHAR AS high, low::VARCHAR AS low, close::VARCHAR AS close,
      volume::VARCHAR AS volume, days::INTEGER AS days, revision::INTEGER AS revision
    FROM monthly ORDER BY month`);
  const months = groupBy(bars, ({ closed }) => closed.slice(0, 7));
  // April 2020 had not ended when the data does.
  months.delete("2020-04");
  expect(published).toEqual(
    [...months].map(([month, days]) => ({ month, ...barOf(days), revision: 1 })),
  );
});

it("makes weekly bars that begin on New York's Mondays", async () => {
  const published = await example.rows(sql`
    SELECT strftime(timezone('America/New_York', timezone('UTC', window_start)), '%Y-%m-%d %H:%M') AS monday,
      open::VARCHAR AS open, high::VARCHAR AS high, low::VARCHAR AS low, close::VARCHAR AS close,
      volume::VARCHAR AS volume, days::INTEGER AS days
    FROM weekly ORDER BY monday`);
  const weeks = groupBy(bars, ({ closed }) => `${mondayOf(closed.slice(0, 10))} 00:00`);
  weeks.delete("2020-04-13 00:00");
  expect(published).toEqual([...weeks].map(([monday, days]) => ({ monday, ...barOf(days) })));
});

it("lets a corrected bar replace the one before, and corrects the month", async () => {
  const last = bars.findLast(({ closed }) => closed.startsWith("2020-03"));
  expect(last?.closed).toBe("2020-03-31T16:00:00");
  await example.ingest("daily", ndjson([{ ...last, close: 2_500 }]));
  const march = await example.rows(sql`
    SELECT close::VARCHAR AS close, days::INTEGER AS days, revision::INTEGER AS revision
    FROM monthly ORDER BY window_start DESC LIMIT 1`);
  expect(march).toEqual([{ close: "2500.000000", days: 22, revision: 2 }]);
  const stored = await example.rows(sql`SELECT count(*)::INTEGER AS n FROM daily`);
  expect(stored).toEqual([{ n: bars.length }]);
});

it("makes 5-minute bars of synthetic ticks, late ones included", async () => {
  const ticks = [...syntheticTicks({ rows: 60_000, symbols: 40, lateOneIn: 50 })];
  for (let at = 0; at < ticks.length; at += 9_000) {
    await example.ingest("ticks", ndjson(ticks.slice(at, at + 9_000)));
  }
  const published = await example.rows(sql`
    SELECT epoch_ms(window_start)::VARCHAR AS start, symbol, open::VARCHAR AS open, high::VARCHAR AS high,
      low::VARCHAR AS low, close::VARCHAR AS close, volume::INTEGER AS volume, trades::INTEGER AS trades
    FROM bars_5m ORDER BY window_start, symbol`);
  const newest = Math.max(...ticks.map(({ time }) => Date.parse(time)));
  const closed = ticks.filter(({ time }) => startOf(time) + FIVE_MINUTES_MS <= newest - 10_000);
  const groups = groupBy(closed, ({ time, symbol }) => `${startOf(time)} ${symbol}`);
  const expected = [...groups].map(([key, group]) => {
    const [start = "", symbol = ""] = key.split(" ");
    return { start, symbol, ...tickBarOf(group) };
  });
  const order = ({ start, symbol }: { start?: unknown; symbol?: unknown }): string =>
    `${start} ${symbol}`;
  const sorted = expected.toSorted((left, right) => (order(left) < order(right) ? -1 : 1));
  expect(published.length).toBeGreaterThan(100);
  expect(published).toEqual(sorted);
});

function ndjson(rows: readonly unknown[]): Buffer {
  return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function barOf(days: readonly DailyBar[]): object {
  return {
    open: days[0]?.open.toFixed(6),
    high: Math.max(...days.map(({ high }) => high)).toFixed(6),
    low: Math.min(...days.map(({ low }) => low)).toFixed(6),
    close: days.at(-1)?.close.toFixed(6),
    volume: String(days.reduce((total, { volume }) => total + volume, 0)),
    days: days.length,
  };
}

function tickBarOf(group: readonly Tick[]): object {
  // The sort is stable: of equal times, the first that came stays first.
  const inTime = group.toSorted((left, right) => Date.parse(left.time) - Date.parse(right.time));
  const prices = group.map(({ price }) => price);
  return {
    open: inTime[0]?.price.toFixed(4),
    high: Math.max(...prices).toFixed(4),
    low: Math.min(...prices).toFixed(4),
    close: inTime.at(-1)?.price.toFixed(4),
    volume: group.reduce((total, { quantity }) => total + quantity, 0),
    trades: group.length,
  };
}

function startOf(time: string): number {
  const ms = Date.parse(time);
  return ms - (ms % FIVE_MINUTES_MS);
}

function mondayOf(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  return date.toISOString().slice(0, 10);
}
