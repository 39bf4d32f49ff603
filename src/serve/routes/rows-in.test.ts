import { once } from "node:events";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawConnection } from "../../../test/support/raw-connection.ts";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
  TOKEN,
} from "../../../test/support/served-platform.ts";

const MIB = 1024 * 1024;
const ROWS = "/v1/datasets/ticks/rows";

let served: Served;
let nextRow = 0;

beforeAll(async () => {
  served = await openServed(ticksProject, { serve: { bodyIdleTimeoutMs: 300 } });
});
afterAll(async () => served[Symbol.asyncDispose]());

/** Rows that no other test sends. */
function fresh(rows: number): string {
  const from = nextRow;
  nextRow += rows;
  return tickLines(rows, from);
}

async function stored(): Promise<number> {
  const response = await served.fetch("/v1/sql", {
    method: "POST",
    body: "SELECT count(*) FROM ticks",
    headers: { "content-type": "text/plain" },
  });
  const { rows } = (await response.json()) as { rows: number[][] };
  return rows[0]?.[0] ?? -1;
}

async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get("content-type")).toContain("application/problem+json");
  const body = (await response.json()) as Record<string, unknown>;
  expect(body["status"]).toBe(response.status);
  return body;
}

describe("taking rows in", () => {
  it("answers with what became of the rows once they can be read", async () => {
    const before = await stored();
    const body = `${fresh(2)}{"time":"yesterday","symbol":"A","price":1,"quantity":1}\n`;
    const response = await served.post(ROWS, body);
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { errors: { line: number }[] };
    expect(answer).toMatchObject({
      dataset: "ticks",
      received: 3,
      accepted: 2,
      rejected: 1,
      duplicates: 0,
      late: 0,
      replayed: false,
    });
    expect(answer.errors).toHaveLength(1);
    expect(answer.errors[0]?.line).toBe(3);
    expect(await stored()).toBe(before + 2);
  });

  it("reads JSON arrays, one JSON object, and CSV", async () => {
    const lines = fresh(3).trim().split("\n");
    const array = await served.post(ROWS, `[${lines.slice(0, 2).join(",")}]`, {
      "content-type": "application/json; charset=utf-8",
    });
    expect(await array.json()).toMatchObject({ accepted: 2, rejected: 0 });
    const object = await served.post(ROWS, lines[2] ?? "", { "content-type": "application/json" });
    expect(await object.json()).toMatchObject({ accepted: 1, rejected: 0 });
    const csv = "time,symbol,price,quantity\n2026-01-01T00:00:00Z,CSV,1.5,2\n";
    const table = await served.post(ROWS, csv, { "content-type": "text/csv" });
    expect(await table.json()).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it("reads back the Parquet that it has answered", async () => {
    const asked = await served.fetch("/v1/sql", {
      method: "POST",
      body: JSON.stringify({
        sql: "SELECT time::TIMESTAMPTZ AS time, symbol, price, quantity FROM ticks LIMIT 3",
      }),
      headers: { "content-type": "application/json", accept: "application/vnd.apache.parquet" },
    });
    expect(asked.status).toBe(200);
    const response = await served.post(ROWS, new Uint8Array(await asked.arrayBuffer()), {
      "content-type": "application/vnd.apache.parquet",
    });
    expect(await response.json()).toMatchObject({ accepted: 3, rejected: 0 });
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ] as const)("undoes %s", async (encoding, compress) => {
    const response = await served.post(ROWS, compress(fresh(5)), { "content-encoding": encoding });
    expect(await response.json()).toMatchObject({ accepted: 5 });
  });

  it("joins gzip members, as gzip does", async () => {
    const body = Buffer.concat([gzipSync(fresh(2)), gzipSync(fresh(3))]);
    const response = await served.post(ROWS, body, { "content-encoding": "gzip" });
    expect(await response.json()).toMatchObject({ accepted: 5 });
  });

  it("takes bodies in chunks, whatever their borders", async () => {
    const bytes = Buffer.from(fresh(3));
    const connection = await rawConnection(served.server.port);
    connection.send(
      `POST ${ROWS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
    for (const byte of bytes) {
      connection.send(Buffer.concat([Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]));
    }
    connection.send("0\r\n\r\n");
    const answer = await connection.whole();
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"accepted":3');
  });
});

describe("sending again", () => {
  it("gives the first answer to a repeated key, and takes nothing twice", async () => {
    const body = fresh(4);
    const before = await stored();
    const first = await served.post(ROWS, body, { "idempotency-key": "once" });
    const again = await served.post(ROWS, body, { "idempotency-key": "once" });
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const expected = (await first.json()) as object;
    expect(await again.json()).toEqual({ ...expected, replayed: true });
    expect(await stored()).toBe(before + 4);
  });

  it("counts a producer and its sequence as a key", async () => {
    const send = (sequence: string): Promise<Response> =>
      served.post(ROWS, fresh(1), { "kurobe-producer": "meter-1", "kurobe-sequence": sequence });
    expect(await (await send("1")).json()).toMatchObject({ accepted: 1, replayed: false });
    expect(await (await send("2")).json()).toMatchObject({ accepted: 1, replayed: false });
    expect(await (await send("1")).json()).toMatchObject({ replayed: true });
  });

  it.each([
    [{ "idempotency-key": "x".repeat(257) }, "longer than 256"],
    [{ "kurobe-producer": "x".repeat(129) }, "longer than 128"],
    [{ "kurobe-sequence": "1" }, "without Kurobe-Producer"],
    [{ "kurobe-producer": "p", "kurobe-sequence": "one" }, "no"],
    [{ "kurobe-producer": "p", "kurobe-sequence": "1", "idempotency-key": "k" }, "both"],
    [{ "idempotency-key": "schlüssel" }, "ASCII"],
  ])("refuses the headers %j", async (headers, words) => {
    const response = await served.post(ROWS, fresh(1), headers);
    expect(response.status).toBe(400);
    const { code, detail } = await problem(response);
    expect(code).toBe("KRB_SERVE_HEADER");
    expect(detail).toContain(words);
  });
});

describe("refusing a body", () => {
  it("stores nothing of a body with a bad row where the sender asks for that", async () => {
    const before = await stored();
    const response = await served.post(`${ROWS}?onInvalid=reject`, `${fresh(2)}{"no":"row"}\n`);
    expect(response.status).toBe(422);
    const { code, details } = await problem(response);
    expect(code).toBe("KRB_SERVE_BODY_REFUSED");
    expect(details).toMatchObject({ dataset: "ticks", received: 3 });
    expect((details as { errors: unknown[] }).errors).not.toHaveLength(0);
    expect((details as { position: number }).position).toBeGreaterThan(0);
    expect(await stored()).toBe(before);
  });

  it("names the parameters and values that it does not know", async () => {
    const wrong = await problem(await served.post(`${ROWS}?onInvalid=maybe`, fresh(1)));
    expect(wrong).toMatchObject({ code: "KRB_SERVE_PARAMETER", status: 400 });
    const unknown = await problem(await served.post(`${ROWS}?oninvalid=reject`, fresh(1)));
    expect(unknown["detail"]).toContain("oninvalid");
  });

  it("says which content types and encodings it reads", async () => {
    const xml = await served.post(ROWS, "<row/>", { "content-type": "text/xml" });
    expect(xml.status).toBe(415);
    expect((await problem(xml))["details"]).toEqual({
      supported: [
        "application/x-ndjson",
        "application/json",
        "text/csv",
        "application/vnd.apache.parquet",
      ],
    });
    const latin = await served.post(ROWS, fresh(1), { "content-type": "text/csv;charset=latin1" });
    expect(latin.status).toBe(415);
    const twice = await served.post(ROWS, fresh(1), { "content-encoding": "gzip, gzip" });
    expect(twice.status).toBe(415);
    expect(twice.headers.get("accept-encoding")).toContain("gzip");
    expect(await problem(twice)).toMatchObject({ code: "KRB_SERVE_ENCODING" });
  });

  it.each([
    ["bytes that are no gzip", Buffer.from("hello, this is not gzip")],
    ["gzip without its end", gzipSync(tickLines(500)).subarray(0, -20)],
    ["gzip with a flipped byte", flipped(gzipSync(tickLines(500)), 200)],
    ["gzip with something after it", Buffer.concat([gzipSync(tickLines(1)), Buffer.from("more")])],
    ["no bytes at all", Buffer.alloc(0)],
  ])("answers 400 for %s", async (_, body) => {
    const before = await stored();
    const response = await served.post(ROWS, body, { "content-encoding": "gzip" });
    expect(response.status).toBe(400);
    expect(await problem(response)).toMatchObject({ code: "KRB_SERVE_COMPRESSION" });
    expect(await stored()).toBe(before);
  });

  it("stops a bomb long before it is unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MIB, 0x20), { level: 9 });
    const response = await served.post(ROWS, bomb, { "content-encoding": "gzip" });
    expect(response.status).toBe(413);
    expect(["KRB_SERVE_EXPANSION", "KRB_INGEST_TOO_LARGE"]).toContain(
      (await problem(response))["code"],
    );
    const dense = brotliCompressSync(Buffer.alloc(4 * MIB, 0x20));
    const refused = await served.post(ROWS, dense, { "content-encoding": "br" });
    expect(await problem(refused)).toMatchObject({ code: "KRB_SERVE_EXPANSION", status: 413 });
    expect(served.rooms.ingest.pendingBytes).toBe(0);
  });

  it("refuses what is too large before it reads it, and where the length was not announced", async () => {
    const announced = await rawConnection(served.server.port);
    announced.send(
      `POST ${ROWS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        "Content-Type: application/x-ndjson\r\nContent-Length: 1073741824\r\n\r\n",
    );
    expect(await announced.until("KRB_INGEST_TOO_LARGE")).toMatch(/^HTTP\/1\.1 413 /);
    announced.close();
    const unannounced = await served.fetch(ROWS, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: endless(9 * MIB),
      duplex: "half",
    });
    expect(unannounced.status).toBe(413);
    expect(served.rooms.ingest.pendingBytes).toBe(0);
  });

  it("answers 404 for an unknown dataset without reading the body", async () => {
    const response = await served.post("/v1/datasets/trades/rows", fresh(1));
    const { code, hint } = await problem(response);
    expect(code).toBe("KRB_INGEST_UNKNOWN_DATASET");
    expect(hint).toContain("ticks");
  });
});

describe("clients that go away or lie", () => {
  const head = (length: number): string =>
    `POST ${ROWS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
    `Content-Type: application/x-ndjson\r\nContent-Length: ${length}\r\n\r\n`;

  async function untilNothingPends(): Promise<void> {
    while (served.rooms.ingest.pendingBytes > 0) await new Promise((done) => setTimeout(done, 5));
  }

  it("stores nothing of a body that was cut, and gives its room back", async () => {
    const before = await stored();
    const connection = await rawConnection(served.server.port);
    const body = fresh(2);
    connection.send(head(body.length + 1));
    connection.send(body);
    while (served.rooms.ingest.pendingBytes === 0) await new Promise((done) => setTimeout(done, 5));
    connection.destroy();
    await untilNothingPends();
    expect(await stored()).toBe(before);
  });

  it("takes no more than the announced length, and closes on what follows", async () => {
    const before = await stored();
    const connection = await rawConnection(served.server.port);
    const body = fresh(2);
    connection.send(head(body.length));
    connection.send(`${body}{"and":"more"}\n`);
    const answers = await connection.whole();
    expect(answers).toMatch(/^HTTP\/1\.1 200 /);
    expect(answers).toContain("HTTP/1.1 400 ");
    expect(await stored()).toBe(before + 2);
  });

  it("ends a body that comes too slowly", async () => {
    const connection = await rawConnection(served.server.port);
    connection.send(head(1000));
    connection.send("{");
    const answer = await connection.until("KRB_SERVE_TIMEOUT");
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    connection.destroy();
    await untilNothingPends();
  });

  it("asks for patience when too much is waiting, and takes the same body later", async () => {
    const { maxPendingBytes, maxBodyBytes } = served.rooms.ingest.limits;
    const connections = await Promise.all(
      Array.from({ length: Math.floor(maxPendingBytes / maxBodyBytes) }, async () => {
        const connection = await rawConnection(served.server.port);
        connection.send(head(maxBodyBytes));
        return connection;
      }),
    );
    while (served.rooms.ingest.pendingBytes < maxPendingBytes) {
      await new Promise((done) => setTimeout(done, 5));
    }
    const body = fresh(1);
    const busy = await served.post(ROWS, body);
    expect(busy.status).toBe(429);
    expect(Number(busy.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problem(busy)).toMatchObject({ code: "KRB_INGEST_BUSY" });
    for (const connection of connections) connection.destroy();
    await untilNothingPends();
    expect((await served.post(ROWS, body)).status).toBe(200);
  });

  it("keeps the connection of a client whose body was refused unread", async () => {
    const connection = await rawConnection(served.server.port);
    const body = "x".repeat(300_000);
    connection.send(head(body.length).replace("x-ndjson", "xml"));
    connection.send(body);
    await connection.until("KRB_SERVE_MEDIA_TYPE");
    const rows = fresh(1);
    connection.send(head(rows.length));
    connection.send(rows);
    expect(await connection.until('"accepted":1')).toContain("HTTP/1.1 200 OK");
    connection.destroy();
    await once(connection.socket, "close");
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

async function* endless(sizeBytes: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(64 * 1024, "x");
  for (let sent = 0; sent < sizeBytes; sent += piece.length) yield piece;
}
