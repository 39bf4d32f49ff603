import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasOpenssl, makeCertificate } from "../../test/support/certificate.ts";
import { rawConnection } from "../../test/support/raw-connection.ts";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
  TOKEN,
} from "../../test/support/served-platform.ts";
import { isKurobeError } from "../core/errors.ts";
import { resolveProject } from "../plan/resolve.ts";
import { openServer } from "./server.ts";
import { DEFAULT_SERVE_SETTINGS } from "./serve-settings.ts";

const HEAD = `Host: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`;

describe("requests that are none", () => {
  let served: Served;

  beforeAll(async () => {
    served = await openServed(ticksProject, {
      serve: { headersTimeoutMs: 300, requestTimeoutMs: 300 },
    });
  });
  afterAll(async () => served[Symbol.asyncDispose]());

  async function answerTo(text: string): Promise<string> {
    const connection = await rawConnection(served.server.port);
    connection.send(text);
    return connection.whole();
  }

  function problemIn(answer: string): Record<string, unknown> {
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as Record<string, unknown>;
  }

  it("answers 404 and 405 as problems, and says which methods there are", async () => {
    const missing = await served.fetch("/v2/rows");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({
      type: "urn:kurobe:error:KRB_SERVE_NOT_FOUND",
      title: "Not found",
      status: 404,
      code: "KRB_SERVE_NOT_FOUND",
    });
    const wrong = await served.fetch("/v1/datasets/ticks/rows", { method: "PUT", body: "x" });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, POST");
    expect(await wrong.json()).toMatchObject({ code: "KRB_SERVE_METHOD" });
  });

  it("names each request, so that its answer can be found in the log", async () => {
    const [one, two] = await Promise.all([served.fetch("/v2"), served.fetch("/v2")]);
    const ids = [one, two].map((response) => response?.headers.get("x-request-id"));
    expect(new Set(ids).size).toBe(2);
    expect(await one?.json()).toMatchObject({ requestId: ids[0] });
  });

  it.each([
    ["noise", "hello\r\n\r\n", 400, "KRB_SERVE_BAD_REQUEST"],
    [
      "a TLS greeting",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      400,
      "KRB_SERVE_BAD_REQUEST",
    ],
    [
      "two lengths",
      `POST /v1/sql HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
      "KRB_SERVE_BAD_REQUEST",
    ],
    [
      "a chunk with a wrong length",
      `POST /v1/datasets/ticks/rows HTTP/1.1\r\n${HEAD}Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400,
      "KRB_SERVE_BAD_REQUEST",
    ],
    [
      "a broken path",
      `GET /v1/datasets/%zz HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`,
      400,
      "KRB_SERVE_BAD_REQUEST",
    ],
    [
      "too many headers",
      `GET / HTTP/1.1\r\n${HEAD}X: ${"x".repeat(20_000)}\r\n\r\n`,
      431,
      "KRB_SERVE_HEADERS_TOO_LARGE",
    ],
  ])("answers %s with a problem", async (_, text, status, code) => {
    const answer = await answerTo(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(problemIn(answer)).toMatchObject({ code, status });
  });

  it("lets go of those who send headers for ever", async () => {
    const answer = await answerTo("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(problemIn(answer)).toMatchObject({ code: "KRB_SERVE_TIMEOUT" });
  });

  it("lets go of those who send a body for ever, however steadily", async () => {
    const connection = await rawConnection(served.server.port);
    connection.send(
      `POST /v1/datasets/ticks/rows HTTP/1.1\r\n${HEAD}Content-Type: text/csv\r\nContent-Length: 100000\r\n\r\n`,
    );
    const drip = setInterval(() => connection.send("x"), 20);
    const answer = await connection.whole();
    clearInterval(drip);
    expect(problemIn(answer)).toMatchObject({ code: "KRB_SERVE_TIMEOUT", status: 408 });
    while (served.rooms.ingest.pendingBytes > 0) await new Promise((done) => setTimeout(done, 5));
  });

  it("answers requests that come in a pile in their order", async () => {
    const connection = await rawConnection(served.server.port);
    const one = `GET /health/live HTTP/1.1\r\n${HEAD}\r\n`;
    connection.send(
      `${one}GET /v2 HTTP/1.1\r\n${HEAD}\r\n${one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")}`,
    );
    const statuses = [...(await connection.whole()).matchAll(/HTTP\/1\.1 (\d+)/g)];
    expect(statuses.map(([, status]) => status)).toEqual(["200", "404", "200"]);
  });
});

describe("a failure inside", () => {
  it("is told to the log with its stack, and to the caller only by its number there", async () => {
    const secret = "path /home/someone and SELECT secret";
    await using served = await openServed(ticksProject, {
      wrap: (rooms) => ({
        ...rooms,
        ingest: {
          ...rooms.ingest,
          limits: rooms.ingest.limits,
          pendingBytes: 0,
          checkDataset: () => {
            throw new TypeError(secret);
          },
          reserve: (bytes) => rooms.ingest.reserve(bytes),
          accept: (request) => rooms.ingest.accept(request),
        },
      }),
    });
    const response = await served.post("/v1/datasets/ticks/rows", tickLines(1));
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain("secret");
    expect(text).not.toContain(".ts:");
    const { code, requestId } = JSON.parse(text) as Record<string, string>;
    expect(code).toBe("KRB_SERVE_INTERNAL");
    const line = served.logged.find((one) => one["requestId"] === requestId);
    expect(JSON.stringify(line)).toContain(secret);
    expect(JSON.stringify(line)).toContain("server.test.ts");
  });
});

describe("opening and closing", () => {
  const closing: AsyncDisposable[] = [];

  afterEach(async () => {
    for (const one of closing.splice(0)) await one[Symbol.asyncDispose]();
  });

  const settings = { ...DEFAULT_SERVE_SETTINGS, token: TOKEN, port: 0 };

  it("lives before the rooms are open, and says how far they are", async () => {
    await using served = await openServed(ticksProject);
    const server = await openServer(resolveProject(ticksProject), {
      settings,
      log: pino({ level: "silent" }),
    });
    closing.push(server);
    const ask = (path: string): Promise<Response> =>
      fetch(server.url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect((await ask("/health/live")).status).toBe(200);
    expect((await ask("/metrics")).status).toBe(200);
    server.recovering({ position: 7, lastPosition: 9, rows: 100 });
    for (const path of ["/health/ready", "/v1/status"]) {
      const response = await ask(path);
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("1");
      expect(await response.json()).toMatchObject({
        code: "KRB_SERVE_RECOVERING",
        details: { recovery: { position: 7, lastPosition: 9, rows: 100 } },
      });
    }
    server.open(served.rooms);
    expect((await ask("/health/ready")).status).toBe(200);
    expect((await ask("/v1/status")).status).toBe(200);
  });

  it("says that a port is taken", async () => {
    const log = pino({ level: "silent" });
    const plan = resolveProject(ticksProject);
    const first = await openServer(plan, { settings, log });
    closing.push(first);
    const second = openServer(plan, { settings: { ...settings, port: first.port }, log });
    await expect(second).rejects.toSatisfy((error) => isKurobeError(error, "KRB_SERVE_ADDRESS"));
  });

  it("finishes what is in work, and refuses what comes after", async () => {
    const served = await openServed(ticksProject);
    closing.push(served);
    const working = await rawConnection(served.server.port);
    const rows = tickLines(3);
    working.send(
      `POST /v1/datasets/ticks/rows HTTP/1.1\r\n${HEAD}Content-Type: application/x-ndjson\r\nContent-Length: ${rows.length}\r\n\r\n`,
    );
    while (served.rooms.ingest.pendingBytes === 0) await new Promise((done) => setTimeout(done, 5));
    const idle = await rawConnection(served.server.port);
    idle.send(`GET /health/live HTTP/1.1\r\n${HEAD}\r\n`);
    await idle.until('"live"');
    const unused = await rawConnection(served.server.port);
    const closed = served.server[Symbol.asyncDispose]();
    expect(await idle.whole()).toContain('"live"');
    expect(await unused.whole()).toBe("");
    working.send(rows);
    expect(await working.whole()).toContain('"accepted":3');
    await closed;
    await expect(fetch(`${served.server.url}/health/live`)).rejects.toThrow("fetch failed");
  });

  it("waits no longer than it may for those who never end", async () => {
    const served = await openServed(ticksProject, { serve: { shutdownTimeoutMs: 200 } });
    closing.push(served);
    const stuck = await rawConnection(served.server.port);
    stuck.send(
      `POST /v1/datasets/ticks/rows HTTP/1.1\r\n${HEAD}Content-Type: text/csv\r\nContent-Length: 100\r\n\r\n`,
    );
    while (served.rooms.ingest.pendingBytes === 0) await new Promise((done) => setTimeout(done, 5));
    await served.server[Symbol.asyncDispose]();
    await stuck.whole();
    expect(served.rooms.ingest.pendingBytes).toBe(0);
  });
});

describe("TLS", () => {
  it.skipIf(!hasOpenssl)("serves the same doors over an encrypted connection", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kurobe-tls-"));
    const paths = makeCertificate(directory, "server");
    const tls = {
      key: await readFile(paths.key, "utf8"),
      cert: await readFile(paths.cert, "utf8"),
    };
    await rm(directory, { recursive: true });
    await using served = await openServed(ticksProject, { serve: { tls } });
    expect(served.server.url).toMatch(/^https:/);
    const { port } = served.server;
    const headers = { authorization: `Bearer ${TOKEN}` };
    const status = await new Promise<number>((resolve, reject) => {
      const options = { host: "localhost", port, path: "/v1/status", ca: tls.cert, headers };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
    const plain = await rawConnection(port);
    plain.send(`GET /v1/status HTTP/1.1\r\n${HEAD}\r\n`);
    expect(await plain.whole()).not.toContain("ticks");
  });
});
