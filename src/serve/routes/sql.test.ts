import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawConnection } from "../../../test/support/raw-connection.ts";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
  TOKEN,
} from "../../../test/support/served-platform.ts";

let served: Served;

beforeAll(async () => {
  served = await openServed(ticksProject, { query: { maxRows: 200_000 } });
  await served.post("/v1/datasets/ticks/rows", tickLines(5000));
});
afterAll(async () => served[Symbol.asyncDispose]());

function ask(body: object | string, headers: Record<string, string> = {}): Promise<Response> {
  const isText = typeof body === "string";
  return served.fetch("/v1/sql", {
    method: "POST",
    body: isText ? body : JSON.stringify(body),
    headers: { "content-type": isText ? "text/plain" : "application/json", ...headers },
  });
}

const THREE = "SELECT symbol, count(*) AS n FROM ticks GROUP BY symbol ORDER BY symbol";

describe("asking SQL", () => {
  it("answers JSON where nothing else is asked for", async () => {
    for (const accept of [undefined, "*/*", "application/json", "text/html, */*;q=0.1"]) {
      const response = await ask({ sql: THREE }, accept === undefined ? {} : { accept });
      expect(response.headers.get("content-type")).toContain("application/json");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toMatchObject({
        columns: [{ name: "symbol" }, { name: "n" }],
        rows: [
          ["S0", 1667],
          ["S1", 1667],
          ["S2", 1666],
        ],
        rowCount: 3,
      });
    }
  });

  it("answers each format that Accept can name, the one with the most weight", async () => {
    const ndjson = await ask(THREE, { accept: "text/csv;q=0.5, application/x-ndjson;q=0.9" });
    expect(await ndjson.text()).toBe(
      '{"symbol":"S0","n":1667}\n{"symbol":"S1","n":1667}\n{"symbol":"S2","n":1666}\n',
    );
    const csv = await ask(THREE, { accept: "text/csv" });
    expect((await csv.text()).split(/\r?\n/).slice(0, 2)).toEqual(["symbol,n", "S0,1667"]);
    const arrow = await ask(THREE, { accept: "application/vnd.apache.arrow.stream" });
    expect(tableFromIPC(await arrow.arrayBuffer()).numRows).toBe(3);
    const parquet = await ask(THREE, { accept: "application/vnd.apache.parquet" });
    const bytes = Buffer.from(await parquet.arrayBuffer());
    expect(bytes.subarray(0, 4).toString()).toBe("PAR1");
    expect(bytes.subarray(-4).toString()).toBe("PAR1");
    const none = await ask(THREE, { accept: "text/html" });
    expect(none.status).toBe(406);
    expect(await none.json()).toMatchObject({ code: "KRB_SERVE_NOT_ACCEPTABLE" });
  });

  it("binds parameters, listed and named", async () => {
    const listed = await ask({
      sql: "SELECT count(*) FROM ticks WHERE symbol = $1 AND quantity = ?::INT OR symbol = $2",
      parameters: ["S1", "'; DROP TABLE ticks; --"],
    }).then((response) => response.json());
    expect(listed).toHaveProperty("code");
    const named = await ask({
      sql: "SELECT count(*) FROM ticks WHERE symbol = $symbol",
      parameters: { symbol: "S1' OR '1'='1" },
    });
    expect(await named.json()).toMatchObject({ rows: [[0]] });
    const counted = await ask({
      sql: "SELECT count(*) FROM ticks WHERE symbol = $1 AND price < $2",
      parameters: ["S1", 100],
    });
    expect(await counted.json()).toMatchObject({ rows: [[33]] });
  });

  it("streams a result that is larger than any buffer", async () => {
    const response = await ask("SELECT t.time, u.price FROM ticks t, ticks u WHERE u.price < 30", {
      accept: "application/x-ndjson",
    });
    let lines = 0;
    for await (const piece of response.body ?? []) {
      lines += Buffer.from(piece as Uint8Array).filter((byte) => byte === 0x0a).length;
    }
    expect(lines).toBe(150_000);
  });
});

describe("refusing SQL", () => {
  it.each([
    ["no statement", { sql: "" }, "KRB_SERVE_BODY"],
    ["an unknown member", { sql: "SELECT 1", rows: 3 }, "KRB_SERVE_BODY"],
    ["a wrong member", { sql: "SELECT 1", limit: -1, timeoutMs: "soon" }, "KRB_SERVE_BODY"],
    [
      "an integer that JSON has rounded",
      { sql: "SELECT $1", parameters: [2 ** 60] },
      "KRB_SERVE_BODY",
    ],
    ["JSON that is none", "{sql", "KRB_SERVE_BODY"],
    ["bad SQL", { sql: "SELECT FROM WHERE" }, "KRB_QUERY_SQL"],
    ["a value that breaks on the way", { sql: "SELECT symbol::INTEGER FROM ticks" }, "KRB_"],
  ])("says what is wrong with %s", async (_, body, code) => {
    const response = await ask(body, { "content-type": "application/json" });
    expect(response.status).toBe(400);
    const problem = (await response.json()) as { code: string; detail: string };
    expect(problem.code).toContain(code);
    expect(problem.detail).not.toBe("");
  });

  it("names every mistake of a body at once", async () => {
    const response = await ask({ sql: "", limit: 0, wrong: 1 });
    const { details } = (await response.json()) as { details: { problems: { path: string }[] } };
    expect(details.problems.map(({ path }) => path).sort()).toEqual(["", "limit", "sql"]);
  });

  it("keeps hostile statements out", async () => {
    for (const sql of [
      "SELECT * FROM read_csv('/etc/passwd')",
      "COPY ticks TO '/tmp/x'",
      "SELECT 1; SELECT 2",
      "SELECT getenv('HOME')",
      "SELECT * FROM duckdb_settings()",
    ]) {
      const response = await ask(sql);
      expect([400, 403, 404]).toContain(response.status);
    }
  });

  it("reads neither other types nor bodies without end", async () => {
    const form = await ask("sql=SELECT+1", { "content-type": "application/x-www-form-urlencoded" });
    expect(form.status).toBe(415);
    const long = await ask(`SELECT '${"x".repeat(1_100_000)}'`);
    expect(long.status).toBe(413);
    expect(await long.json()).toMatchObject({ code: "KRB_SERVE_BODY_TOO_LARGE" });
  });

  it("cuts the connection when a limit is crossed in the middle", async () => {
    const response = await ask("SELECT t.time FROM ticks t, ticks u", {
      accept: "application/x-ndjson",
    });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("terminated");
  });

  it("says so in words when it happens before the first bytes", async () => {
    const response = await ask({ sql: "SELECT time FROM ticks", limit: 10 });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "KRB_QUERY_TOO_MANY_ROWS" });
  });

  it("stops at the time that the caller gives it", async () => {
    const response = await ask({ sql: ENDLESS, timeoutMs: 150 });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
  });
});

const ENDLESS =
  "SELECT count(*) FROM ticks a, ticks b, ticks c, ticks d WHERE a.price + b.price + c.price = d.price";

describe("callers that go away", () => {
  const status = (): { running: number; waiting: number } => served.rooms.query.status();

  it("stop what was computed for them", async () => {
    const body = JSON.stringify({ sql: ENDLESS });
    const connection = await rawConnection(served.server.port);
    connection.send(
      `POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    while (status().running === 0) await new Promise((done) => setTimeout(done, 5));
    connection.destroy();
    while (status().running > 0) await new Promise((done) => setTimeout(done, 5));
    expect((await ask("SELECT 1")).status).toBe(200);
  });

  it("give their place back when they leave in the middle of a result", async () => {
    const gone = new AbortController();
    const response = await served.fetch("/v1/sql", {
      method: "POST",
      body: "SELECT t.time, t.symbol FROM ticks t, ticks u WHERE u.price < 40",
      headers: { "content-type": "text/plain", accept: "text/csv" },
      signal: gone.signal,
    });
    await response.body?.getReader().read();
    expect(status().running).toBe(1);
    gone.abort();
    while (status().running > 0) await new Promise((done) => setTimeout(done, 5));
  });
});
