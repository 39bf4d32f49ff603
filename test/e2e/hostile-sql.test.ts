/**
 * What SQL may not do to the process, its machine and its data, asked over HTTP of the built
 * package. What each function and statement is judged as is tested beside `query/authorize.ts`.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { projectDirectory, type RunningServer, startServer } from "../support/running-server.ts";
import { eventsProject, problemOf, sendEvents, tally } from "./events-project.ts";

const GROWING =
  "WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM r) SELECT length(s) FROM r";

let directory: Awaited<ReturnType<typeof projectDirectory>>;
let server: RunningServer;
let pid: number;

beforeAll(async () => {
  directory = await projectDirectory();
  const limits = ["--query-timeout", "1s", "--query-rows", "100000", "--memory", "256MiB"];
  const project = eventsProject();
  server = await startServer({ directory: directory.path, project, args: limits });
  pid = server.enginePid();
  await sendEvents(server, 0, 1000);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function isUnharmed(): Promise<void> {
  expect(await tally(server)).toEqual({ rows: 1000, sum: 499_500 });
  expect({ pid: server.enginePid(), readies: server.readyCount() }).toEqual({ pid, readies: 1 });
}

beforeEach(isUnharmed);
afterEach(isUnharmed);

function ask(sql: string, accept = "application/json"): Promise<Response> {
  return server.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "text/plain", accept },
    body: sql,
  });
}

describe("refused before it runs:", () => {
  it.each([
    "SELECT content FROM read_text('/etc/passwd')",
    "SELECT 1 FROM '/etc/passwd'",
    "SELECT 1 FROM 'chunks/**/*.parquet'",
    "SELECT 1 FROM read_csv('https://example.com/x.csv')",
    "SELECT 1 FROM glob('/*')",
    "ATTACH '/tmp/x.db'",
    "ATTACH 'https://example.com/x.db' AS x",
    "COPY (SELECT 1) TO '/tmp/kurobe-was-here'",
    "COPY events FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/kurobe-was-here'",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "SET memory_limit = '1TB'",
    "SET enable_external_access = true",
    "INSTALL httpfs",
    "LOAD '/tmp/evil.duckdb_extension'",
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE mem.events",
    "DROP VIEW events",
    "DELETE FROM events",
    "INSERT INTO events VALUES (1)",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "SELECT query FROM query('SELECT 1')",
    "SELECT 1 FROM duckdb_settings()",
    "SELECT 1 FROM mem.events",
    "SELECT 1 FROM stage.s1",
    "SELECT 1 FROM information_schema.tables",
    "SELECT 1 FROM sqlite_master",
    "SELECT list_sum(range(500000000))",
    "SELECT repeat('x', 2000000000)",
    `SELECT ${"(".repeat(20_000)}1${")".repeat(20_000)}`,
    `SELECT ${"1+".repeat(50_000)}1`,
    `SELECT '${"x".repeat(3_000_000)}'`,
  ])("%.60s", async (sql) => {
    const response = await ask(sql);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    await problemOf(response);
  });
});

describe("stopped while it runs:", () => {
  it.each([
    ["endless recursion", "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) FROM r"],
    ["a recursion that grows", GROWING],
    ["cross joins", "SELECT count(*) FROM events a, events b, events c, events d"],
    [
      "a sort of everything",
      "SELECT max(x) FROM (SELECT a.id * b.id + c.id AS x, row_number() OVER (ORDER BY a.id * b.id * c.id) FROM events a, events b, events c)",
    ],
    [
      "a slow pattern",
      "SELECT count(*) FROM events a, events b, events c WHERE regexp_matches(a.kind || b.kind || c.kind, '(a|b|k)*c')",
    ],
  ])("%s", async (_, sql) => {
    const problem = await problemOf(await ask(sql));
    expect(["KRB_QUERY_TIMEOUT", "KRB_QUERY_MEMORY"]).toContain(problem["code"]);
  });

  it.each(["application/json", "application/x-ndjson", "text/csv"])(
    "a result with more rows than may be, as %s, by an end that shows",
    async (accept) => {
      const streamed = await ask("SELECT a.id FROM events a, events b", accept);
      await expect(streamed.text()).rejects.toThrow(/terminated/);
    },
  );

  it("many at once: some are told to come back, none is forgotten", async () => {
    const sql = "SELECT count(*) FROM events a, events b, events c, events d";
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(sql)));
    for (const answer of answers) {
      const { code } = await problemOf(answer);
      expect(["KRB_QUERY_TIMEOUT", "KRB_QUERY_BUSY"]).toContain(code);
    }
  });

  it("what nobody waits for any more", async () => {
    const gone = new AbortController();
    const asked = server.fetch("/v1/sql", {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "SELECT count(*) FROM events a, events b, events c, events d",
      signal: gone.signal,
    });
    setTimeout(() => gone.abort(), 100);
    await expect(asked).rejects.toThrow(/abort/);
  });
});
