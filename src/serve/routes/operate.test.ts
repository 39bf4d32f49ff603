import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
} from "../../../test/support/served-platform.ts";

let served: Served;

beforeAll(async () => {
  served = await openServed(ticksProject);
  await served.post("/v1/datasets/ticks/rows", `${tickLines(200)}no json\n{"symbol":1}\n`);
});
afterAll(async () => served[Symbol.asyncDispose]());

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await served.fetch(path, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  expect(response.status).toBeLessThan(300);
  return (await response.json()) as T;
}

describe("status", () => {
  it("tells what came in and where it is", async () => {
    const status = await ask("GET", "/v1/status");
    expect(status).toMatchObject({
      name: "ticks",
      state: "running",
      appliedPosition: 1,
      queuedEntries: 0,
      pendingBytes: 0,
      checkpointRunning: false,
      diskFull: false,
      datasets: [
        {
          name: "ticks",
          received: 202,
          accepted: 200,
          rejected: 2,
          storedRows: 200,
          deadLetters: 2,
          watermark: "2026-01-01T00:03:19.000000Z",
          watermarkAgeMs: expect.any(Number),
          producers: [{ name: "", newest: "2026-01-01T00:03:19.000000Z", isIdle: false }],
        },
      ],
      windows: [
        {
          name: "bars",
          from: "ticks",
          published: 9,
          open: 1,
          closedUntil: "2026-01-01T00:03:00.000000Z",
        },
      ],
      process: { pid: process.pid },
    });
  });

  it("lists everything that can be read, with its columns", async () => {
    const { datasets } = await ask<{ datasets: { name: string; kind: string }[] }>(
      "GET",
      "/v1/datasets",
    );
    expect(datasets.map(({ name, kind }) => `${kind} ${name}`).sort()).toEqual([
      "dataset ticks",
      "dead_letters line_protocol.dead_letters",
      "dead_letters ticks.dead_letters",
      "late_rows ticks.late_rows",
      "window bars",
    ]);
    expect(await ask("GET", "/v1/datasets/ticks")).toMatchObject({
      name: "ticks",
      eventTime: "time",
      key: [],
      columns: [
        { name: "time", type: "timestamp", nullable: false },
        { name: "symbol", type: "text", nullable: false },
        { name: "price", type: "decimal(12,4)", nullable: false },
        { name: "quantity", type: "int64", nullable: false },
      ],
      status: { accepted: 200 },
    });
    expect(await ask("GET", "/v1/datasets/bars")).toMatchObject({ kind: "window" });
    expect((await served.fetch("/v1/datasets/none")).status).toBe(404);
  });
});

describe("dead letters", () => {
  interface Letters {
    readonly deadLetters: readonly { readonly id: number; readonly raw: string }[];
  }
  const PATH = "/v1/datasets/ticks/dead-letters";

  it("are listed, sent again, and thrown away", async () => {
    const { deadLetters } = await ask<Letters>("GET", PATH);
    expect(deadLetters.map(({ raw }) => raw)).toEqual(["no json", '{"symbol":1}']);
    expect(deadLetters[0]).toMatchObject({ line: 201, position: 1, format: "ndjson" });
    expect((await ask<Letters>("GET", `${PATH}?limit=1`)).deadLetters).toHaveLength(1);
    const ids = deadLetters.slice(0, 1).map(({ id }) => id);
    const retried = await ask("POST", `${PATH}/retry`, { ids });
    expect(retried).toMatchObject({ dataset: "ticks", retried: 1, accepted: 0, rejected: 1 });
    expect(await ask("POST", `${PATH}/retry`)).toMatchObject({ retried: 2, rejected: 2 });
    const [left] = (await ask<Letters>("GET", PATH)).deadLetters;
    expect(await ask("DELETE", PATH, { ids: [left?.id] })).toMatchObject({ purged: 1 });
    expect(await ask("DELETE", PATH)).toMatchObject({ purged: 1 });
    expect((await ask<Letters>("GET", PATH)).deadLetters).toEqual([]);
  });

  it.each([
    ["GET", "/v1/datasets/none/dead-letters", undefined, 404],
    ["GET", `${PATH}?limit=x`, undefined, 400],
    ["POST", `${PATH}/retry`, { ids: [] }, 400],
    ["POST", `${PATH}/retry`, { ids: ["1"] }, 400],
    ["DELETE", PATH, { id: 1 }, 400],
    ["DELETE", "/v1/datasets/bars/dead-letters", undefined, 404],
  ])("refuses %s %s %j", async (method, path, body, status) => {
    const response = await served.fetch(path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    expect(response.status).toBe(status);
  });
});

describe("checkpoints and their files", () => {
  it("are taken on demand and listed, newest first", async () => {
    const taken = await served.fetch("/v1/checkpoints", { method: "POST" });
    expect(taken.status).toBe(201);
    const record = (await taken.json()) as { number: number; rows: number; createdAt: string };
    expect(record).toMatchObject({ reason: "operator" });
    expect(record.rows).toBeGreaterThan(200);
    expect(record.createdAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const { checkpoints } = await ask<{ checkpoints: object[] }>("GET", "/v1/checkpoints");
    expect(checkpoints[0]).toEqual(record);
    expect(await ask("GET", "/v1/status")).toMatchObject({ lastCheckpoint: record });
  });

  it("are checked file by file, and damage is named", async () => {
    const verify = async (): Promise<Record<string, unknown>[]> => {
      const response = await served.fetch("/v1/verify", { method: "POST" });
      expect(response.headers.get("content-type")).toContain("application/x-ndjson");
      const lines = (await response.text()).trim().split("\n");
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    const sound = await verify();
    expect(sound.at(-1)).toEqual({ kind: "done", steps: sound.length - 1 });
    expect(sound.slice(0, -1).every(({ problem }) => problem === null)).toBe(true);
    const chunks = join(served.directory, "chunks", "ticks");
    const [file = ""] = await readdir(chunks, { recursive: true }).then((names) =>
      names.filter((name) => name.endsWith(".parquet")),
    );
    const bytes = await readFile(join(chunks, file));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(join(chunks, file), bytes);
    const damaged = (await verify()).filter(({ problem }) => typeof problem === "string");
    expect(damaged.map(({ path }) => path)).toEqual([join("chunks", "ticks", file)]);
  });
});

describe("metrics", () => {
  it("are what Prometheus reads, and agree with status", async () => {
    await served.fetch("/v1/none");
    const response = await served.fetch("/metrics");
    expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const text = await response.text();
    const value = (series: string): number => {
      const line = text.split("\n").find((one) => one.startsWith(`${series} `));
      return Number(line?.slice(series.length + 1));
    };
    const { log } = served.platform.engine.status();
    expect(value('kurobe_rows_total{dataset="ticks",outcome="accepted"}')).toBe(200);
    expect(value('kurobe_window_results_total{window="bars"}')).toBe(9);
    expect(value("kurobe_log_fdatasyncs_total")).toBe(log.syncs);
    expect(value("kurobe_up")).toBe(1);
    expect(value("kurobe_process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(value("kurobe_checkpoint_milliseconds")).toBeGreaterThan(0);
    expect(value('kurobe_event_loop_lag_seconds{quantile="0.99"}')).toBeGreaterThan(0);
    expect(value("kurobe_ingest_body_bytes_total")).toBeGreaterThan(200);
    const posts = 'method="POST",route="/v1/datasets/:name/rows",status="200"';
    expect(value(`kurobe_http_request_seconds_count{${posts}}`)).toBe(1);
    expect(value(`kurobe_http_request_seconds_count{method="GET",route="none",status="404"}`)).toBe(
      1,
    );
    expect(text).not.toContain("/v1/none");
  });
});
