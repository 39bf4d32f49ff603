/** `kurobe backfill` against the real server. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type CliRun, runInMemory } from "../../../test/support/memory-terminal.ts";
import { openServed, type Served, TOKEN } from "../../../test/support/served-platform.ts";
import {
  column,
  count,
  dataset,
  defineProject,
  hopping,
  session,
  sum,
  tumbling,
} from "../../index.ts";

const TICKS = {
  columns: { time: column.timestamp(), symbol: column.text(), quantity: column.int64() },
  eventTime: "time",
  watermark: { outOfOrderness: "0s" },
} as const;
const ticks = dataset(TICKS);
const measure = { trades: count(), quantity: sum("quantity") };
const project = defineProject({
  name: "backfill",
  datasets: { ticks },
  windows: {
    bars: tumbling({ from: ticks, size: "1m", by: ["symbol"], measure }),
    slides: hopping({ from: ticks, size: "5m", every: "1m", measure, late: "side" }),
    days: tumbling({ from: "bars", size: "1 day", measure: { trades: sum("trades") } }),
    visits: session({ from: ticks, gap: "2m", measure }),
  },
});
/** One window alone: where many rows are sent one by one. */
const plainOf = (size: string) =>
  defineProject({
    name: "backfill",
    datasets: { ticks },
    windows: { bars: tumbling({ from: ticks, size, by: ["symbol"], measure }) },
  });
const plain = plainOf("1m");
const FEW = { deps: { backfillRows: 4 } };

const START_MS = Date.UTC(2026, 0, 1);
const LAST_MINUTE = 4000;
const MANY = 40;

function timeOf(minute: number): string {
  return new Date(START_MS + minute * 60_000).toISOString();
}

async function send(served: Served, ...minutes: readonly number[]): Promise<void> {
  const lines = minutes.map((minute) =>
    JSON.stringify({ time: timeOf(minute), symbol: "A", quantity: 1 }),
  );
  const response = await served.post("/v1/datasets/ticks/rows", lines.join("\n"));
  expect(await response.json()).toMatchObject({ accepted: minutes.length });
}

/** Eight minutes in order, then the same ones once more, and another: all of these are late. */
async function sendLate(served: Served): Promise<void> {
  const minutes = Array.from({ length: 8 }, (_, index) => index * 3);
  await send(served, ...minutes, LAST_MINUTE);
  await send(served, ...minutes.map((minute) => minute + 0.25), 1);
}

async function runVerb(served: Served, args: readonly string[]): Promise<CliRun> {
  const environment = { KUROBE_URL: served.server.url, KUROBE_TOKEN: TOKEN };
  return await runInMemory(args, { environment });
}

async function run(served: Served, args: readonly string[]): Promise<CliRun> {
  return await runVerb(served, ["backfill", ...args]);
}

async function runJson(served: Served, args: readonly string[]): Promise<unknown> {
  const { code, stdout } = await run(served, [...args, "--json"]);
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

async function rowsOf(served: Served, statement: string): Promise<readonly unknown[]> {
  const response = await served.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "text/plain", accept: "application/json" },
    body: statement,
  });
  return ((await response.json()) as { readonly rows: readonly unknown[] }).rows;
}

const BARS = "SELECT window_start, trades, quantity FROM bars ORDER BY window_start";
/** The row of the last minute is in a window that is still open. */
const BARS_QUERY = `SELECT date_trunc('minute', time) AS start, count(*), sum(quantity)
  FROM ticks WHERE time < '${timeOf(LAST_MINUTE)}' GROUP BY ALL ORDER BY start`;
/** Late rows of the windows that have a backfill here. */
const WAITING = `SELECT count(*) FROM ticks.late_rows
  WHERE _window IN ('bars', 'slides') AND NOT _replayed`;
const SLIDES = "SELECT window_start, trades FROM slides ORDER BY window_start";
const SLIDES_QUERY = `SELECT start, count(*) FROM (
    SELECT date_trunc('minute', time) - to_minutes(unnest(range(5))) AS start
      FROM ticks WHERE time < '${timeOf(LAST_MINUTE)}')
  WHERE start <= TIMESTAMPTZ '${timeOf(LAST_MINUTE - 5)}' GROUP BY ALL ORDER BY start`;

it("makes results equal to one query over all rows, newest first", async () => {
  await using served = await openServed(project, FEW);
  await sendLate(served);
  const before = served.platform.engine.lastSeq("bars");
  expect(await rowsOf(served, BARS)).not.toEqual(await rowsOf(served, BARS_QUERY));
  expect(await runJson(served, ["bars"])).toMatchObject({
    window: "bars",
    state: "done",
    from: "2026-01-01T00:00:00.000000Z",
    next: "2026-01-01T00:00:00.000000Z",
    corrected: 8,
    added: 1,
    takenBack: 0,
    replayed: 9,
    done: 17,
    total: 17,
  });
  expect(await rowsOf(served, BARS)).toEqual(await rowsOf(served, BARS_QUERY));
  // Slices of four rows, each before the one that was published before it.
  const changes = await served.platform.engine.changes("bars", { afterSeq: before, limit: 100 });
  const minutes = changes.map(({ row }) => String(row["window_start"]).slice(14, 16));
  expect(minutes).toEqual(["18", "21", "12", "15", "06", "09", "00", "01", "03"]);
  // What is computed from these results follows.
  expect(await rowsOf(served, "SELECT trades FROM days ORDER BY window_start LIMIT 1")).toEqual([
    [17],
  ]);
  expect(await runJson(served, ["bars"])).toMatchObject({ corrected: 0, added: 0, replayed: 0 });
  expect(await runJson(served, ["slides"])).toMatchObject({ state: "done" });
  expect(await rowsOf(served, SLIDES)).toEqual(await rowsOf(served, SLIDES_QUERY));
  expect(await runJson(served, ["visits"])).toMatchObject({ state: "done", replayed: 9 });
  const visits = await rowsOf(served, "SELECT sum(trades) FROM visits");
  expect(visits).toEqual([[17]]);
  const list = (await runJson(served, [])) as { readonly backfills: readonly unknown[] };
  expect(list.backfills).toHaveLength(3);
  expect((await run(served, [])).stdout).toContain("bars done\n");
});

it("takes a range whose borders lie inside windows", async () => {
  await using served = await openServed(project, FEW);
  await sendLate(served);
  const range = ["--from", "2026-01-01T00:08:30Z", "--to", "2026-01-01T00:15:20Z"];
  // Windows of minutes 9, 12 and 15 start in it.
  expect(await runJson(served, ["bars", ...range])).toMatchObject({ corrected: 3, replayed: 3 });
  const changed = "SELECT minute(window_start) FROM bars WHERE revision > 1 ORDER BY 1";
  expect(await rowsOf(served, changed)).toEqual([[9], [12], [15]]);
});

it.each(["from the log", "from a checkpoint"])(
  "goes on after a restart where it was, %s, with live rows in between",
  async (from) => {
    const directory = await mkdtemp(join(tmpdir(), "kurobe-backfill-"));
    try {
      const few = { directory, deps: { backfillRows: 1 } };
      let next: unknown;
      {
        await using served = await openServed(project, few);
        await sendLate(served);
        await served.platform.backfills.begin("bars", {});
        const { signal } = new AbortController();
        let steps = 0;
        for await (const { state } of served.platform.backfills.follow("bars", signal)) {
          expect(state).toBe("running");
          steps += 1;
          if (steps === 1) await send(served, LAST_MINUTE + 1);
          if (steps === 2) break;
        }
        if (from === "from a checkpoint") await served.platform.engine.checkpoint("test");
        await served.server[Symbol.asyncDispose]();
        await served.platform[Symbol.asyncDispose]();
        // What was committed last, after the work was stopped.
        next = served.platform.backfills.list()[0]?.nextUs;
      }
      await using again = await openServed(project, few);
      const [found] = again.platform.backfills.list();
      expect(found).toMatchObject({ window: "bars", state: "running", nextUs: next });
      expect(next).toBeLessThan(BigInt(START_MS + 21 * 60_000) * 1000n);
      expect(next).toBeGreaterThan(BigInt(START_MS) * 1000n);
      // Asked for once more, it is followed.
      expect(await runJson(again, ["bars"])).toMatchObject({
        state: "done",
        corrected: 8,
        added: 1,
        replayed: 9,
      });
      const query = BARS_QUERY.replace(timeOf(LAST_MINUTE), timeOf(LAST_MINUTE + 1));
      expect(await rowsOf(again, BARS)).toEqual(await rowsOf(again, query));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

/** Minutes with a row each, then a late one for each of them. */
async function sendMany(served: Served): Promise<void> {
  const minutes = Array.from({ length: MANY }, (_, index) => index);
  await send(served, ...minutes, LAST_MINUTE);
  await send(served, ...minutes.map((minute) => minute + 0.5));
}

it("lets rows in between its slices, and counts them where they belong", async () => {
  await using served = await openServed(plain, { deps: { backfillRows: 1 } });
  await sendMany(served);
  const { backfills } = served.platform;
  await backfills.begin("bars", {});
  const reached: bigint[] = [];
  let sent = 0;
  for (;;) {
    // A row on time, and one that is late for a window that is done or will be.
    await send(served, LAST_MINUTE + sent, sent % MANY);
    sent += 1;
    const [found] = backfills.list();
    if (found?.state !== "running") break;
    reached.push(found.nextUs);
  }
  // Each of these was acknowledged while it ran, at another place.
  expect(new Set(reached).size).toBeGreaterThan(3);
  const rows = await rowsOf(served, "SELECT count(*) FROM ticks");
  expect(rows).toEqual([[2 * MANY + 1 + 2 * sent]]);
  // What came too late for a window that was done already is late, and the next one takes it.
  expect(await runJson(served, ["bars"])).toMatchObject({ state: "done" });
  const query = BARS_QUERY.replace(timeOf(LAST_MINUTE), timeOf(LAST_MINUTE + sent - 1));
  expect(await rowsOf(served, BARS)).toEqual(await rowsOf(served, query));
  expect(await rowsOf(served, WAITING)).toEqual([[0]]);
});

it("ends where its window is another one at the next start", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kurobe-backfill-"));
  try {
    {
      await using served = await openServed(plain, { directory, deps: { backfillRows: 1 } });
      await sendMany(served);
      await served.platform.backfills.begin("bars", {});
    }
    const platform = { acceptDestructive: true };
    await using served = await openServed(plainOf("2m"), { directory, platform, ...FEW });
    expect(await runJson(served, [])).toEqual({ backfills: [] });
    // It is computed over all rows, and leaves nothing to a backfill.
    await expect.poll(() => rowsOf(served, "SELECT sum(trades) FROM bars")).toEqual([[2 * MANY]]);
    expect(await runJson(served, ["bars"])).toMatchObject({
      state: "done",
      corrected: 0,
      added: 0,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

it("takes late rows of windows in which nothing else is left", async () => {
  const keyed = defineProject({
    name: "keyed",
    datasets: { ticks: dataset({ ...TICKS, key: ["symbol"] }) },
    windows: { bars: tumbling({ from: "ticks", size: "1m", measure }) },
  });
  await using served = await openServed(keyed, FEW);
  const sendOne = async (symbol: string, minute: number): Promise<void> => {
    const line = JSON.stringify({ time: timeOf(minute), symbol, quantity: 1 });
    const response = await served.post("/v1/datasets/ticks/rows", line);
    expect(await response.json()).toMatchObject({ accepted: 1 });
  };
  await sendOne("A", 10);
  await sendOne("Z", LAST_MINUTE);
  // Both too late, also for the windows of what they replace.
  await sendOne("A", 2);
  await sendOne("A", 20);
  expect(await rowsOf(served, WAITING)).toEqual([[4]]);
  expect(await runJson(served, ["bars"])).toMatchObject({
    from: timeOf(2).replace("000Z", "000000Z"),
    added: 1,
    takenBack: 1,
  });
  expect(await rowsOf(served, BARS)).toEqual(await rowsOf(served, BARS_QUERY));
  expect(await rowsOf(served, WAITING)).toEqual([[0]]);
});

it("keeps its slices small where one row lies decades before all others", async () => {
  await using served = await openServed(plain, FEW);
  await send(served, -20_000_000);
  await sendMany(served);
  await served.platform.backfills.begin("bars", {});
  const { signal } = new AbortController();
  const reached = new Set<bigint>();
  for await (const { nextUs } of served.platform.backfills.follow("bars", signal)) {
    reached.add(nextUs);
  }
  // A piece has four rows at most, or two of one window.
  expect(reached.size).toBeGreaterThanOrEqual((2 * MANY) / 8);
  expect(await rowsOf(served, BARS)).toEqual(await rowsOf(served, BARS_QUERY));
});

it("is one for each window, however often it is asked for", async () => {
  await using served = await openServed(project, { deps: { backfillRows: 1 } });
  await sendMany(served);
  const range = ["--from", "2025-06-01", "--to", "2030-01-01"];
  await served.platform.backfills.begin("bars", {
    fromUs: BigInt(Date.UTC(2025, 5, 1)) * 1000n,
    toUs: BigInt(Date.UTC(2030, 0, 1)) * 1000n,
  });
  expect((await runVerb(served, ["status"])).stdout).toContain("backfill of bars: running");
  // Meanwhile more windows are over.
  await send(served, LAST_MINUTE + 10);
  const other = await run(served, ["bars", "--from", "2026-01-01T00:10Z"]);
  expect(other.stderr).toContain("KRB_WINDOWS_BACKFILLING");
  const answers = await Promise.all([
    runJson(served, ["bars", ...range]),
    runJson(served, ["bars"]),
    runJson(served, ["slides"]),
  ]);
  const whole = { window: "bars", state: "done", corrected: MANY, added: 0, replayed: MANY };
  expect((await runVerb(served, ["status"])).stdout).not.toContain("backfill of");
  expect(answers).toMatchObject([whole, whole, { window: "slides", state: "done" }]);
  expect(await rowsOf(served, WAITING)).toEqual([[0]]);
});

it("is cancelled, and keeps what it has computed", async () => {
  await using served = await openServed(project, { deps: { backfillRows: 1 } });
  await sendLate(served);
  expect((await run(served, [])).stdout).toBe("No backfill was asked for.\n");
  await served.platform.backfills.begin("bars", {});
  const other = await run(served, ["bars", "--from", "2026-01-01T00:10Z"]);
  expect(other.stderr).toContain("KRB_WINDOWS_BACKFILLING");
  const cancelled = await runJson(served, ["bars", "--cancel"]);
  expect(cancelled).toMatchObject({ window: "bars", state: "cancelled" });
  const { corrected } = cancelled as { readonly corrected: number };
  expect(corrected).toBeLessThan(8);
  const changed = "SELECT count(*) FROM bars WHERE revision > 1";
  expect(await rowsOf(served, changed)).toEqual([[corrected]]);
  expect((await run(served, ["bars", "--cancel"])).stderr).toContain("KRB_WINDOWS_UNKNOWN");
  // The next one does the rest.
  expect(await runJson(served, ["bars"])).toMatchObject({ corrected: 8 - corrected, added: 1 });
  expect(await rowsOf(served, BARS)).toEqual(await rowsOf(served, BARS_QUERY));
});

it("refuses what cannot be computed", async () => {
  await using served = await openServed(project, FEW);
  const refused = async (args: readonly string[], text: string): Promise<void> => {
    const { code, stderr } = await run(served, args);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(text) });
  };
  await refused(["bars"], "no window of bars is over yet");
  await sendLate(served);
  await refused(["tocks"], "The project's windows: bars, days, slides, visits.");
  await refused(["days"], "kurobe backfill bars");
  await refused(["bars", "--from", "noon"], "KRB_CLI_USAGE");
  await refused(["--from", "2026-01-01"], "Name its window");
  await refused(["--cancel"], "needs the name");
  const [early, late] = ["2026-01-01T00:10Z", "2026-01-01T00:20Z"];
  await refused(["bars", "--from", late, "--to", early], "the range ends before it begins");
  await refused(["bars", "--from", late, "--to", late], "KRB_WINDOWS_RANGE");
  await refused(["bars", "--from", "2027-01-01T00:00Z"], "There are windows from 2026-01-01");
  await refused(["bars", "--to", "2025-01-01T00:00Z"], "KRB_WINDOWS_RANGE");
  expect(await runJson(served, [])).toEqual({ backfills: [] });
});
