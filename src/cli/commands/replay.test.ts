/** `kurobe ingest --replay` and `kurobe replay` against the real server. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type CliRun, runInMemory } from "../../../test/support/memory-terminal.ts";
import { openServed, type Served, TOKEN } from "../../../test/support/served-platform.ts";
import { column, count, dataset, defineProject, stream, tumbling } from "../../index.ts";

const columns = { time: column.timestamp(), symbol: column.text() };
const ticks = dataset({ columns, eventTime: "time" });
const quotes = dataset({ columns, eventTime: "time" });
const project = defineProject({
  name: "replay",
  datasets: { quotes, ticks },
  streams: { best: stream({ from: quotes }) },
  windows: { bars: tumbling({ from: ticks, size: "1m", by: ["symbol"], measure: { n: count() } }) },
});

let served: Served;
let directory: string;

beforeEach(async () => {
  served = await openServed(project, { deps: { backfillRows: 4 } });
  directory = await mkdtemp(join(tmpdir(), "kurobe-replay-"));
  await served.post("/v1/datasets/ticks/rows", lines("2026-01-01", "A", 0, 5));
});

afterEach(async () => {
  await served[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** A row a minute. */
function lines(day: string, symbol: string, from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => {
    const time = `${day}T00:${String(from + index).padStart(2, "0")}:30Z`;
    return `${JSON.stringify({ time, symbol })}\n`;
  }).join("");
}

async function run(...args: readonly string[]): Promise<CliRun> {
  const environment = { KUROBE_URL: served.server.url, KUROBE_TOKEN: TOKEN };
  return await runInMemory(args, { environment, workingDirectory: directory });
}

async function runJson(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

async function bars(): Promise<readonly unknown[]> {
  const found = await runJson(
    "sql",
    "SELECT symbol, count(*), sum(n) FROM bars WHERE window_start < '2026-01-01' GROUP BY ALL ORDER BY ALL",
  );
  return (found as { readonly rows: readonly unknown[] }).rows;
}

it("loads files that cover the same time, each a producer, and says what it changed", async () => {
  await writeFile(join(directory, "a.ndjson"), lines("2025-01-01", "A", 0, 20));
  await writeFile(join(directory, "b.ndjson"), lines("2025-01-01", "B", 0, 20));
  const sent = await runJson("ingest", "ticks", "a.ndjson", "b.ndjson", "--replay");
  expect(sent).toMatchObject({
    accepted: 40,
    late: 0,
    replay: { name: "a.ndjson", state: "done", rows: 40, waiting: null, changed: { added: 40 } },
  });
  expect(await bars()).toEqual([
    ["A", 20, 20],
    ["B", 20, 20],
  ]);
  // Sent again, it is known.
  const again = await run("ingest", "ticks", "a.ndjson", "b.ndjson", "--replay");
  expect(again.stdout).toContain("2 bodies were stored by an earlier run");
  expect(again.stdout).toContain("replay a.ndjson: 0 results added, 0 corrected, 0 taken back");
});

it("is listed while it goes on, and ended for a sender that is gone", async () => {
  const rows = lines("2025-01-01", "A", 0, 10);
  const answer = await served.post("/v1/datasets/ticks/rows?replay=old%20rows", rows);
  expect(await answer.json()).toMatchObject({ accepted: 10, late: 0 });
  const listed = await runJson("replay", "ls");
  expect(listed).toMatchObject({
    replays: [
      {
        dataset: "ticks",
        name: "old rows",
        state: "running",
        watermark: "2025-01-01T00:09:30.000000Z",
        producers: [{ name: "", newest: "2025-01-01T00:09:30.000000Z", isDone: false }],
      },
    ],
  });
  expect((await run("replay", "ls")).stdout).toMatch(/old rows +│ ticks +│ running +│ +10 /);
  expect((await run("status")).stdout).toContain(
    "replay old rows into ticks: running, at 2025-01-01 00:09:30, 10 rows",
  );
  const ended = await run("replay", "end", "ticks", "old rows");
  expect(ended.stdout).toMatch(/✓ replay old rows: \d+ results added, 0 corrected, 0 taken back/);
  expect(await bars()).toEqual([["A", 10, 10]]);
  expect(await runJson("replay", "ls")).toMatchObject({ replays: [{ state: "done" }] });
});

it("says what it cannot do", async () => {
  const unknown = await run("replay", "end", "ticks", "other");
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain("KRB_WINDOWS_UNKNOWN");
  await writeFile(join(directory, "a.ndjson"), lines("2025-01-01", "A", 0, 2));
  const followed = await run("ingest", "quotes", "a.ndjson", "--replay");
  expect(followed.code).toBe(1);
  expect(followed.stderr).toContain("the stream best follows quotes");
  const unnamed = await served.post("/v1/datasets/ticks/rows?replay=", "");
  expect(await unnamed.json()).toMatchObject({ code: "KRB_SERVE_PARAMETER" });
});
