import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
} from "../../test/support/served-platform.ts";
import { sql } from "../core/sql.ts";
import { defineProject, file, type FileSpec } from "../index.ts";

let directory: string;
let out: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-files-"));
  out = join(directory, "out");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function project(spec: Partial<FileSpec> = {}): unknown {
  return defineProject({
    ...ticksProject.spec,
    sinks: { files: file({ from: "ticks", directory: out, ...spec }) },
  });
}

const open = (spec: Partial<FileSpec> = {}): Promise<Served> =>
  openServed(project(spec), { directory: join(directory, "data") });

async function filesOf(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true });
  return found.filter((name) => /\.(ndjson|csv|parquet|tmp)$/.test(name)).toSorted();
}

/** A decimal, which JSON of DuckDB writes as a number. */
const priceOf = (line: string): number => (JSON.parse(line) as { price: number }).price;

/** Prices of all rows in files: each row has its own. */
async function pricesIn(folder: string): Promise<readonly number[]> {
  const prices: number[] = [];
  for (const name of await filesOf(folder)) {
    const lines = (await readFile(join(folder, name), "utf8")).trim().split("\n");
    for (const line of lines) prices.push(priceOf(line));
  }
  return prices.toSorted((a, b) => a - b);
}

async function sendAndCheckpoint(served: Served, rows: number, from: number): Promise<void> {
  const response = await served.post("/v1/datasets/ticks/rows", tickLines(rows, from));
  expect(response.status).toBe(200);
  await served.platform.engine.checkpoint("test");
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe("a sink of files", () => {
  it.each(["ndjson", "csv", "parquet"] as const)(
    "writes %s that reads back whole",
    async (format) => {
      await using served = await open({ format, partition: "none" });
      await sendAndCheckpoint(served, 100, 0);
      await expect
        .poll(() => filesOf(out).catch(() => []))
        .toEqual([expect.not.stringMatching("tmp")]);
      const [name = ""] = await filesOf(out);
      expect(name).toMatch(/^0-000000000001-\d+\.(ndjson|csv|parquet)$/);
      if (format === "parquet") {
        const bytes = await readFile(join(out, name));
        expect(bytes.subarray(0, 4).toString()).toBe("PAR1");
        expect(bytes.subarray(-4).toString()).toBe("PAR1");
        const path = join(served.directory, "staging", "read-back.parquet");
        await writeFile(path, bytes);
        await using connection = await served.platform.database.connect();
        const rows = await connection.rows<{ rows: bigint; total: string }>(
          sql`SELECT count(*) AS rows, CAST(sum(price) AS VARCHAR) AS total
              FROM read_parquet(${path})`,
        );
        expect(rows).toEqual([{ rows: 100n, total: "4950.0000" }]);
      } else {
        const lines = (await readFile(join(out, name), "utf8")).trim().split("\n");
        expect(lines).toHaveLength(format === "csv" ? 101 : 100);
      }
    },
  );

  it("has a folder for each day of the rows' event time", async () => {
    await using served = await open();
    const lines = ["2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"].map((time) =>
      JSON.stringify({ time, symbol: "A", price: 1, quantity: 1 }),
    );
    await served.post("/v1/datasets/ticks/rows", lines.join("\n"));
    await served.platform.engine.checkpoint("test");
    await expect
      .poll(async () => (await filesOf(out).catch(() => [])).map((name) => name.split("/")[0]))
      .toEqual(["2026-01-31", "2026-02-01"]);
  });

  it("has each row once after restarts, whatever of its cursor was lost", async () => {
    for (let round = 0; round < 3; round++) {
      await using served = await open();
      await sendAndCheckpoint(served, 50, round * 50);
      await expect.poll(() => pricesIn(out).catch(() => [])).toEqual(range(50 * (round + 1)));
    }
    // A data directory that knows of no delivery at all, as after a crash before anything was
    // logged.
    await using served = await open({});
    const response = await served.fetch("/v1/sinks");
    expect(await response.json()).toMatchObject({ sinks: [{ lagRows: 0 }] });
  });

  it("finishes a batch that a crash left half named, and removes one that was never recorded", async () => {
    {
      await using served = await open();
      await sendAndCheckpoint(served, 50, 0);
      await expect.poll(() => pricesIn(out).catch(() => [])).toEqual(range(50));
    }
    const [name = ""] = await filesOf(out);
    await rename(join(out, name), join(out, `${name}.tmp`));
    const stray = join(out, "2026-01-01", "0-000000000051-000000000060.ndjson.tmp");
    await writeFile(stray, '{"price":999}\n');
    await using served = await open();
    await sendAndCheckpoint(served, 50, 50);
    await expect.poll(() => pricesIn(out)).toEqual(range(100));
  });
});
