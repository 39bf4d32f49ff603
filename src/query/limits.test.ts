import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { openTicks, take } from "../../test/query/fixture.ts";
import { type StuckStatement } from "./watch.ts";

/** Runs for hours, and listens to interrupts. */
const ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range";
/** Does not: a hundred million sums in a single call. */
const DEAF = `SELECT sum(len(list_transform(l, lambda x: list_sum(list_transform(l, lambda y: x * y)))))
  FROM (SELECT list(range) AS l FROM range(8000))`;

describe("limits", () => {
  test("on rows are an error, never a shorter result", async () => {
    await using fixture = await openTicks({ limits: { maxRows: 5000 } });
    for (const format of ["json", "ndjson", "csv", "arrow", "parquet"] as const) {
      const asked = (text: string, maxRows?: number) => fixture.ask({ sql: text, format, maxRows });
      await expect(asked("FROM ticks")).rejects.toMatchObject({ code: "KRB_QUERY_TOO_MANY_ROWS" });
      await expect(asked("FROM ticks LIMIT 11", 10)).rejects.toMatchObject({
        code: "KRB_QUERY_TOO_MANY_ROWS",
      });
      await expect(asked("FROM ticks LIMIT 10", 10)).resolves.toBeDefined();
      await expect(asked("FROM ticks LIMIT 5000", 99_999)).resolves.toBeDefined();
      await expect(asked("SELECT range FROM range(1000000000000)")).rejects.toMatchObject({
        code: "KRB_QUERY_TOO_MANY_ROWS",
      });
    }
    expect(await fixture.staged()).toEqual([]);
  });

  test("on bytes hold for every format", async () => {
    await using fixture = await openTicks({ limits: { maxResultBytes: 10_000 } });
    for (const format of ["json", "ndjson", "csv", "arrow", "parquet"] as const) {
      const asked = fixture.ask({ sql: "SELECT md5(time::VARCHAR) FROM ticks", format });
      await expect(asked).rejects.toMatchObject({ code: "KRB_QUERY_RESULT_TOO_LARGE" });
    }
  });

  test("on time interrupt what computes, before the first row and after it", async () => {
    await using fixture = await openTicks({ limits: { timeLimitMs: 200 } });
    await expect(fixture.rows(ENDLESS)).rejects.toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
    const recursion =
      "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n FROM r) SELECT sum(n) FROM r";
    await expect(fixture.rows(recursion)).rejects.toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
    await expect(fixture.ask({ sql: ENDLESS, format: "parquet" })).rejects.toMatchObject({
      code: "KRB_QUERY_TIMEOUT",
    });
    const late =
      "SELECT range FROM range(1000000000000) WHERE range < 500000 OR range = 999999999999";
    const answer = await fixture.query.ask({ sql: late, format: "csv" });
    await expect(take(answer)).rejects.toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
    expect(fixture.leases()).toBe(0);
  });

  test("on time do not count the reader's own pauses", async () => {
    await using fixture = await openTicks({ limits: { timeLimitMs: 300 } });
    await using answer = await fixture.query.ask({ sql: "FROM range(100000)", format: "csv" });
    let pieces = 0;
    for await (const _ of answer.body) {
      pieces += 1;
      if (pieces < 5) await sleep(100);
    }
    expect(pieces).toBeGreaterThan(5);
  });

  test("on pauses free what a lost reader holds", async () => {
    await using fixture = await openTicks({ limits: { maxPauseMs: 50 } });
    const answer = await fixture.query.ask({ sql: "FROM range(100000)", format: "csv" });
    await vi.waitFor(() => expect(fixture.query.status().running).toBe(0));
    expect(fixture.leases()).toBe(0);
    await expect(take(answer)).rejects.toMatchObject({ code: "KRB_QUERY_STALLED" });
  });

  test("on memory stop statements before DuckDB notices", async () => {
    let residentBytes = 0;
    await using fixture = await openTicks({
      memory: { limitBytes: 1000, residentBytes: () => residentBytes },
    });
    setTimeout(() => (residentBytes = 1001), 100);
    await expect(fixture.rows(ENDLESS)).rejects.toMatchObject({ code: "KRB_QUERY_MEMORY" });
    residentBytes = 0;
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
  });

  test("of DuckDB's own memory are coded", async () => {
    await using fixture = await openTicks();
    const big =
      "SELECT count(*) FROM (SELECT DISTINCT hash(range), md5(range::VARCHAR) FROM range(50000000))";
    await expect(fixture.rows(big)).rejects.toMatchObject({ code: "KRB_QUERY_MEMORY" });
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
  });

  test("that a statement does not hear are told to the supervisor", async () => {
    const stuck: StuckStatement[] = [];
    await using fixture = await openTicks({
      limits: { timeLimitMs: 50 },
      onStuck: (statement) => stuck.push(statement),
    });
    const outcome = fixture.rows(DEAF).catch((error: unknown) => error);
    await vi.waitFor(
      () => expect(stuck).toEqual([{ text: DEAF, elapsedMs: expect.any(Number) }]),
      20_000,
    );
    expect(await outcome).toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
  });
});

describe("cancelling", () => {
  test("stops what runs, what waits, and what is being read", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 1 } });
    const running = new AbortController();
    const first = fixture.ask({ sql: ENDLESS, signal: running.signal });
    const outcome = first.catch((error: unknown) => error);
    await sleep(30);
    const waiting = new AbortController();
    const second = fixture.ask({ sql: "SELECT 1", signal: waiting.signal });
    const turned = second.catch((error: unknown) => error);
    expect(fixture.query.status()).toEqual({ running: 1, waiting: 1 });
    waiting.abort();
    expect(await turned).toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    running.abort();
    expect(await outcome).toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    await expect(fixture.ask({ sql: "SELECT 1", signal: running.signal })).rejects.toMatchObject({
      code: "KRB_QUERY_CANCELLED",
    });
    const reading = new AbortController();
    const answer = await fixture.query.ask({
      sql: "FROM range(1000000)",
      format: "csv",
      signal: reading.signal,
    });
    reading.abort();
    await expect(take(answer)).rejects.toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
    expect(fixture.leases()).toBe(0);
  });

  test("at any moment leaves the connections usable", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 2 } });
    for (let delayMs = 0; delayMs < 24; delayMs++) {
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), delayMs / 4);
      await fixture
        .ask({ sql: "SELECT symbol, sum(price) FROM ticks GROUP BY 1", signal: abort.signal })
        .catch((error: unknown) => expect(error).toMatchObject({ code: "KRB_QUERY_CANCELLED" }));
      clearTimeout(timer);
    }
    await vi.waitFor(() => expect(fixture.query.status()).toEqual({ running: 0, waiting: 0 }));
    expect(await fixture.rows("SELECT count(*) FROM ticks")).toEqual([[10000]]);
    expect(fixture.leases()).toBe(0);
  });
});

describe("many queries", () => {
  test("wait in line, and the line has an end", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 1, maxWaiting: 3 } });
    const asked = Array.from({ length: 8 }, (_, i) => fixture.rows(`SELECT ${i} FROM range(3)`));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBe(4);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "KRB_QUERY_BUSY" });
    expect(outcomes.slice(0, 4).map((one) => one.status === "fulfilled" && one.value)).toEqual(
      [0, 1, 2, 3].map((i) => [[i], [i], [i]]),
    );
  });

  test("are turned away when their turn does not come", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 1, maxWaitMs: 30 } });
    await using _answer = await fixture.query.ask({ sql: "FROM ticks", format: "csv" });
    await expect(fixture.rows("SELECT 1")).rejects.toMatchObject({ code: "KRB_QUERY_BUSY" });
  });

  test("are not held up by slow readers", async () => {
    await using fixture = await openTicks({ limits: { concurrency: 1 } });
    const slow = await Promise.all(
      Array.from({ length: 4 }, () =>
        fixture.query.ask({ sql: "FROM range(100000)", format: "csv" }),
      ),
    );
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
    const texts = await Promise.all(slow.map(take));
    for (const text of texts) expect(text.split("\n").length).toBe(100_002);
  });

  test("end when the query room closes, and none is taken after", async () => {
    const fixture = await openTicks();
    const running = fixture.rows(ENDLESS).catch((error: unknown) => error);
    await sleep(20);
    await fixture.query[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    await expect(fixture.rows("SELECT 1")).rejects.toMatchObject({ code: "KRB_CORE_CLOSED" });
    await fixture[Symbol.asyncDispose]();
  });
});
