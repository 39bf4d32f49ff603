/**
 * Whatever comes in: each row ends as a row, a dead letter or a coded error, the process stays the
 * one that it was, and the rows that were there before are untouched. What exactly each value
 * becomes is tested beside the decoder; here it is about the whole process.
 */
import { request } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rawConnection, type RawConnection } from "../support/raw-connection.ts";
import {
  projectDirectory,
  type RunningServer,
  startServer,
  TOKEN,
} from "../support/running-server.ts";
import {
  eventLine,
  eventLines,
  eventsProject,
  problemOf,
  sendEvents,
  type Tally,
  tally,
  timeOf,
} from "./events-project.ts";

const MIB = 1024 * 1024;
const ROWS = "/v1/datasets/events/rows";

let directory: Awaited<ReturnType<typeof projectDirectory>>;
let server: RunningServer;
let pid: number;
let before: Tally;
/** Connections that send a byte now and then, from the first test to the last. */
let lorises: readonly RawConnection[];
let drip: NodeJS.Timeout;

beforeAll(async () => {
  directory = await projectDirectory();
  server = await startServer({ directory: directory.path, project: eventsProject() });
  pid = server.enginePid();
  lorises = await Promise.all(Array.from({ length: 200 }, () => rawConnection(portOf(server))));
  for (const connection of lorises) connection.send("POST /v1/sql HTTP/1.1\r\nHost: localhost\r\n");
  drip = setInterval(() => {
    for (const connection of lorises) connection.send("X-Slow: 1\r\n");
  }, 500);
  await sendEvents(server, 0, 100);
});

afterAll(async () => {
  clearInterval(drip);
  for (const connection of lorises) connection.destroy();
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

beforeEach(async () => {
  before = await tally(server);
});

afterEach(isUnharmed);

async function isUnharmed(): Promise<void> {
  expect({ pid: server.enginePid(), readies: server.readyCount() }).toEqual({ pid, readies: 1 });
  const now = await tally(server);
  expect(now.rows).toBeGreaterThanOrEqual(before.rows);
  const [first] = await server.sql("SELECT count(*) AS n, sum(id) AS s FROM events WHERE id < 100");
  expect(first).toEqual({ n: 100, s: 4950 });
}

interface Answer {
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly position: number;
  readonly errors: readonly { readonly line: number; readonly reason: string }[];
}

/** Sends it, and checks that every row of it can be found: stored, or as a dead letter. */
async function account(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const start = await tally(server);
  const response = await server.send("events", body, { headers });
  const answer = (await response.json()) as Answer;
  expect({ status: response.status, answer }).toMatchObject({ status: 200 });
  expect(answer.accepted + answer.rejected + answer.duplicates).toBe(answer.received);
  expect((await tally(server)).rows - start.rows).toBe(answer.accepted);
  const [letters] = await server.sql(
    `SELECT count(*) AS n FROM events.dead_letters WHERE position = ${answer.position}`,
  );
  expect(letters).toEqual({ n: answer.rejected });
  return answer;
}

async function refused(response: Response, code: string): Promise<void> {
  expect(await problemOf(response)).toMatchObject({ code });
  expect(await tally(server)).toEqual(before);
}

let nextId = 1000;
/** Rows that no other test sends. */
function fresh(count: number): string {
  const first = nextId;
  nextId += count;
  return eventLines(first, count);
}

describe("rows that are none", () => {
  it("malformed JSON in the middle of a batch costs that line alone", async () => {
    const body = `${fresh(500)}{"at": oops, "id": 1}\n${fresh(500)}`;
    const answer = await account(body);
    expect(answer).toMatchObject({ accepted: 1000, rejected: 1 });
    expect(answer.errors).toMatchObject([
      { line: 501, reason: expect.stringContaining("malformed JSON") as string },
    ]);
  });

  const at = `"at":"${timeOf(1)}"`;
  it.each([
    ["invalid UTF-8", Buffer.concat([Buffer.from(`{${at},"id":1,"kind":"`), Buffer.from([0xff])])],
    ["NaN", `{${at},"id":1,"kind":"k","amount":NaN}`],
    ["Infinity", `{${at},"id":1,"kind":"k","amount":-Infinity}`],
    ["1e400", `{${at},"id":1,"kind":"k","amount":1e400}`],
    ["an integer beyond 64 bits", `{${at},"id":9223372036854775808,"kind":"k"}`],
    ["a timestamp without a zone", `{"at":"2026-01-01T00:00:00","id":1,"kind":"k"}`],
    ["the year 0", `{"at":"0000-01-01T00:00:00Z","id":1,"kind":"k"}`],
    ["the year 10000", `{"at":"+010000-01-01T00:00:00Z","id":1,"kind":"k"}`],
    ["an unknown column", `{${at},"id":1,"kind":"k","colour":"red"}`],
    ["a missing column", `{${at},"id":1}`],
    ["deep nesting", `{${at},"id":1,"kind":"k","extra":${"[".repeat(9e4)}${"]".repeat(9e4)}}`],
    ["a bracket bomb", "[".repeat(900_000)],
    ["duplicate keys", `{${at},"id":1,"id":2,"kind":"k"}`],
    [
      "10,000 columns",
      `{${columnNames(10_000)
        .map((name) => `"${name}":1`)
        .join(",")}}`,
    ],
    ["a NUL byte", `{${at},"id":1,"kind":"k"}\0`],
  ])("%s is a dead letter, and its neighbours are stored", async (_, line) => {
    const newline = Buffer.from("\n");
    const body = Buffer.concat([Buffer.from(fresh(1)), Buffer.from(line), newline]);
    expect(await account(Buffer.concat([body, Buffer.from(fresh(1))]))).toMatchObject({
      accepted: 2,
      rejected: 1,
    });
  });

  it("a byte order mark is no part of the first row", async () => {
    expect(await account(`\ufeff${fresh(2)}`)).toMatchObject({ accepted: 2, rejected: 0 });
    const csv = `\ufeffat,id,kind\n${timeOf(5)},${nextId++},k\n`;
    expect(await account(csv, { "content-type": "text/csv" })).toMatchObject({ accepted: 1 });
  });

  it("a line of 100 MB is a dead letter", async () => {
    const line = Buffer.alloc(100 * MIB, 0x61);
    const answer = await account(Buffer.concat([line, Buffer.from(`\n${fresh(1)}`)]));
    expect(answer).toMatchObject({ accepted: 1, rejected: 1 });
    const [letter] = await server.sql(
      `SELECT length(raw) AS n FROM events.dead_letters WHERE position = ${answer.position}`,
    );
    expect(Number(letter?.["n"])).toBeLessThan(2 * MIB);
  });

  it("the first and the last day that there are, are days", async () => {
    const rows = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z"].map((time) =>
      eventLine(nextId++, { at: time }),
    );
    expect(await account(rows.join(""))).toMatchObject({ accepted: 2 });
    await expect(
      server.fetch("/v1/checkpoints", { method: "POST" }).then((response) => response.status),
    ).resolves.toBe(201);
  });
});

describe("bodies that are none", () => {
  it("truncated and damaged Parquet is refused", async () => {
    const parquet = await asParquet(
      'SELECT "at", id + 5000 AS id, kind FROM events WHERE id < 100',
    );
    const headers = { "content-type": "application/vnd.apache.parquet" };
    for (const keep of [0, 3, 4, 12, parquet.length >> 1, parquet.length - 1]) {
      const response = await server.send("events", parquet.subarray(0, keep), { headers });
      await refused(response, "KRB_SERVE_BODY_REFUSED");
    }
    // A footer whose length points outside of the file, and one that is no footer.
    for (const at of [parquet.length - 8, parquet.length - 60]) {
      const broken = Buffer.from(parquet);
      broken.fill(0xff, at, at + 3);
      await refused(await server.send("events", broken, { headers }), "KRB_SERVE_BODY_REFUSED");
    }
    expect(await account(parquet, headers)).toMatchObject({ accepted: 100 });
  });

  it("Parquet with flipped bytes never harms more than itself", async () => {
    const parquet = await asParquet(
      'SELECT "at", id + 9000 AS id, kind FROM events WHERE id < 100',
    );
    const headers = { "content-type": "application/vnd.apache.parquet" };
    for (let at = 4; at < parquet.length; at += 97) {
      const broken = Buffer.from(parquet);
      broken[at] = (broken[at] ?? 0) ^ 0x55;
      const response = await server.send("events", broken, { headers });
      expect([200, 422]).toContain(response.status);
      await response.arrayBuffer();
    }
  });

  it.each([
    ["gzip", "gzip", gzipSync(eventLines(1, 500)).subarray(0, -9)],
    ["gzip that is none", "gzip", Buffer.from(eventLines(1, 5))],
    ["deflate", "deflate", deflateSync(eventLines(1, 500)).subarray(0, -9)],
    ["Brotli", "br", brotliCompressSync(eventLines(1, 500)).subarray(0, -9)],
  ])("wrong %s is refused", async (_, encoding, body) => {
    const headers = { "content-encoding": encoding };
    await refused(await server.send("events", body, { headers }), "KRB_SERVE_COMPRESSION");
  });

  it("a bomb is refused while it is small", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * MIB, 0x20), { level: 9 });
    const response = await server.send("events", bomb, { headers: { "content-encoding": "gzip" } });
    await refused(response, "KRB_SERVE_EXPANSION");
  });

  it("a CSV header of 10,000 columns is refused", async () => {
    const body = `${columnNames(10_000).join(",")}\n${"1,".repeat(9999)}1\n`;
    const headers = { "content-type": "text/csv" };
    await refused(await server.send("events", body, { headers }), "KRB_SERVE_BODY_REFUSED");
  });

  it("an unknown dataset is named, with those that there are", async () => {
    const response = await server.send("evnets", fresh(1));
    expect(response.status).toBe(404);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({
      code: "KRB_INGEST_UNKNOWN_DATASET",
      hint: expect.stringContaining("events") as string,
    });
  });

  it.each([["wrong"], [""], [`${TOKEN}x`]])("token %j lets nobody in", async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await server.send("events", fresh(1), { headers });
    expect(response.status).toBe(401);
    await refused(response, "KRB_SERVE_TOKEN");
  });
});

describe("bodies without an end", () => {
  it("1 GB is refused, announced or not, long before it has come", async () => {
    const announced = await upload(1024 * MIB, { "content-length": String(1024 * MIB) });
    expect(announced).toMatchObject({ status: 413, code: "KRB_INGEST_TOO_LARGE" });
    expect(announced.sentBytes).toBeLessThan(128 * MIB);
    const unannounced = await upload(1024 * MIB, {});
    expect(unannounced).toMatchObject({ status: 413, code: "KRB_INGEST_TOO_LARGE" });
    expect(await tally(server)).toEqual(before);
  });

  it("a length that lies stores nothing", async () => {
    const connection = await rawConnection(portOf(server));
    const body = fresh(3);
    connection.send(head(`Content-Length: ${200 * MIB}`));
    connection.send(body);
    connection.close();
    await connection.whole();
    const short = await rawConnection(portOf(server));
    short.send(head(`Content-Length: ${body.length - 5}`));
    short.send(body);
    const answers = await short.whole();
    expect(answers).toMatch(/^HTTP\/1\.1 200 /);
    // The last row was cut by its own sender; the rest of it is no request.
    expect(answers).toContain('"accepted":2');
    expect(answers).toContain("HTTP/1.1 400 ");
    expect((await tally(server)).rows).toBe(before.rows + 2);
  });

  it("those who leave in the middle leave nothing behind", async () => {
    const connections = await Promise.all(
      Array.from({ length: 50 }, () => rawConnection(portOf(server))),
    );
    for (const connection of connections) {
      connection.send(head("Transfer-Encoding: chunked"));
      const body = fresh(20);
      connection.send(`${body.length.toString(16)}\r\n${body}\r\n`);
    }
    await new Promise((wake) => setTimeout(wake, 50));
    for (const connection of connections) connection.destroy();
    await sendEvents(server, nextId++, 1);
    expect((await tally(server)).rows).toBe(before.rows + 1);
  });

  it("those who read no answer do not hold others up", async () => {
    const sql = JSON.stringify({ sql: "SELECT range FROM range(9000000)" });
    const connections = await Promise.all(
      Array.from({ length: 4 }, () => rawConnection(portOf(server))),
    );
    for (const connection of connections) {
      connection.socket.pause();
      connection.send(
        `POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${sql.length}\r\n\r\n${sql}`,
      );
    }
    await sendEvents(server, nextId++, 1);
    for (const connection of connections) connection.destroy();
  });

  it("slow senders are let go of, after the time that they have", async () => {
    const answers = await Promise.all(lorises.map((connection) => connection.whole()));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  }, 40_000);
});

function portOf({ url }: RunningServer): number {
  return Number(new URL(url).port);
}

function columnNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `c${index}`);
}

function head(length: string): string {
  return (
    `POST ${ROWS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
    `Content-Type: application/x-ndjson\r\n${length}\r\n\r\n`
  );
}

async function asParquet(sql: string): Promise<Buffer> {
  const response = await server.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "text/plain", accept: "application/vnd.apache.parquet" },
    body: sql,
  });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

interface Upload {
  readonly status: number | undefined;
  readonly code: unknown;
  readonly sentBytes: number;
}

/** Sends until there is an answer, whatever was announced. */
function upload(sizeBytes: number, headers: Readonly<Record<string, string>>): Promise<Upload> {
  const piece = Buffer.from(eventLines(1, 10_000));
  return new Promise((resolve, reject) => {
    let sentBytes = 0;
    const answered = new AbortController();
    const outgoing = request(new URL(ROWS, server.url), {
      method: "POST",
      headers: {
        authorization: `Bearer ${TOKEN}`,
        "content-type": "application/x-ndjson",
        ...headers,
      },
    });
    const pump = (): void => {
      while (!answered.signal.aborted && sentBytes + piece.length <= sizeBytes) {
        sentBytes += piece.length;
        if (!outgoing.write(piece)) return;
      }
    };
    outgoing.on("drain", pump);
    outgoing.on("error", (error) => {
      if (!answered.signal.aborted) reject(error);
    });
    outgoing.on("response", (response) => {
      answered.abort();
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (more: string) => (text += more));
      response.on("end", () => {
        outgoing.destroy();
        const { code } = JSON.parse(text) as { readonly code: unknown };
        resolve({ status: response.statusCode, code, sentBytes });
      });
    });
    pump();
  });
}
