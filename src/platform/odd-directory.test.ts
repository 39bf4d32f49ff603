/** A data directory whose path has characters that mean something to DuckDB, SQL or a shell. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openServed } from "../../test/support/served-platform.ts";
import { column, dataset, defineProject } from "../index.ts";
import { projectDirectory } from "../../test/support/running-server.ts";

const PARQUET = "application/vnd.apache.parquet";

it.each(["a[b]c", "stars * and ?", 'it\'s {here}, "quoted"', "percent %20 $HOME", "日本 é"])(
  "%s",
  async (name) => {
    await using temporary = await projectDirectory();
    const directory = join(temporary.path, name);
    await mkdir(directory);
    // What a pattern would match instead must stay out of it.
    await mkdir(join(temporary.path, "abc"));
    const columns = { at: column.timestamp(), id: column.int64() };
    const definition = defineProject({
      name: "odd",
      datasets: { events: dataset({ columns, eventTime: "at" }) },
    });
    await using served = await openServed(definition, { directory });
    const ask = (sql: string, accept: string): Promise<Response> =>
      served.fetch("/v1/sql", {
        method: "POST",
        headers: { "content-type": "text/plain", accept },
        body: sql,
      });
    const rows = "/v1/datasets/events/rows";
    const accepted = { accepted: 1, rejected: 0 };
    const line = '{"at":"2026-01-01T00:00:00Z","id":1}\n';
    expect(await (await served.post(rows, line)).json()).toMatchObject(accepted);
    expect(await (await served.fetch("/v1/checkpoints", { method: "POST" })).json()).toMatchObject({
      rows: 1,
    });
    const csv = "at,id\n2026-01-01T00:00:01Z,2\n";
    const typed = { "content-type": "text/csv" };
    expect(await (await served.post(rows, csv, typed)).json()).toMatchObject(accepted);
    const file = await ask('SELECT "at", id + 2 AS id FROM events WHERE id = 1', PARQUET);
    expect(file.status).toBe(200);
    const parquet = new Uint8Array(await file.arrayBuffer());
    const sent = await served.post(rows, parquet, { "content-type": PARQUET });
    expect(await sent.json()).toMatchObject(accepted);
    const found = await ask("SELECT sum(id) AS ids FROM events", "application/x-ndjson");
    expect(await found.json()).toEqual({ ids: 6 });
  },
);
