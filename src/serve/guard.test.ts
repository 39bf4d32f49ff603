import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawConnection } from "../../test/support/raw-connection.ts";
import {
  openServed,
  type Served,
  ticksProject,
  TOKEN,
} from "../../test/support/served-platform.ts";
import { isKurobeError } from "../core/errors.ts";
import { checkBind, DEFAULT_SERVE_SETTINGS } from "./serve-settings.ts";

let served: Served;

beforeAll(async () => {
  served = await openServed(ticksProject, {
    serve: { allowedHosts: ["data.example"], allowedOrigins: ["https://console.example"] },
  });
});
afterAll(async () => served[Symbol.asyncDispose]());

/** Head and body of the answer to a request with exactly these headers. */
async function ask(path: string, headers: Record<string, string>, method = "GET"): Promise<string> {
  const connection = await rawConnection(served.server.port);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.send(`${method} ${path} HTTP/1.1\r\n${lines.join("")}Connection: close\r\n\r\n`);
  return connection.whole();
}

const bearer = `Bearer ${TOKEN}`;

describe("the token", () => {
  it.each([
    ["none", {}],
    ["a wrong one", { Authorization: "Bearer wrong" }],
    ["one of the right length", { Authorization: `Bearer ${TOKEN.replace(/.$/, "x")}` }],
    ["another scheme", { Authorization: `Basic ${TOKEN}` }],
    ["the start of it", { Authorization: bearer.slice(0, -1) }],
    ["more than it", { Authorization: `${bearer}x` }],
  ])("refuses %s", async (_, headers) => {
    const answer = await ask("/v1/status", { Host: "localhost", ...headers });
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/www-authenticate: Bearer/i);
    expect(answer).toContain("KRB_SERVE_TOKEN");
    expect(answer).not.toContain(TOKEN);
  });

  it("lets in who has it, however the scheme is written", async () => {
    const answer = await ask("/v1/status", { Host: "localhost", Authorization: `bearer ${TOKEN}` });
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("is asked for on every path but those of health checks, known or not", async () => {
    for (const path of ["/metrics", "/openapi.json", "/v1/sql", "/nothing", "/healthy", "/"]) {
      expect(await ask(path, { Host: "localhost" })).toMatch(/^HTTP\/1\.1 401 /);
    }
    for (const path of ["/health/live", "/health/ready", "/health"]) {
      expect(await ask(path, { Host: "localhost" })).toMatch(/^HTTP\/1\.1 200 /);
    }
  });
});

describe("the host", () => {
  it.each([
    "localhost",
    "LOCALHOST:4186",
    "127.0.0.1:80",
    "[::1]:4186",
    "data.example",
    "a.localhost",
  ])("answers to %s", async (host) => {
    expect(await ask("/health/live", { Host: host })).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(["rebound.example", "localhost.example", "127.0.0.1.example", "xdata.example", ""])(
    "refuses %j, to which a foreign page could have pointed its own name",
    async (host) => {
      const answer = await ask("/v1/status", { Host: host, Authorization: bearer });
      expect(answer).toMatch(/^HTTP\/1\.1 421 /);
      expect(answer).toContain("KRB_SERVE_HOST");
    },
  );

  it("refuses a request without one", async () => {
    expect(await ask("/health/live", {})).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("the origin", () => {
  const from = (origin: string): Record<string, string> => ({
    Host: "localhost:4186",
    Authorization: bearer,
    Origin: origin,
  });

  it.each(["https://evil.example", "null", "http://localhost:9999", "file://", "localhost"])(
    "refuses pages of %s",
    async (origin) => {
      const answer = await ask("/v1/status", from(origin));
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
      expect(answer).toContain("KRB_SERVE_ORIGIN");
      expect(answer).not.toMatch(/access-control-allow-origin/i);
    },
  );

  it("serves its own pages, and says nothing about other sites", async () => {
    const answer = await ask("/v1/status", from("http://localhost:4186"));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).not.toMatch(/access-control-allow-origin/i);
  });

  it("serves pages that the settings name, preflight included", async () => {
    const plain = await ask("/v1/status", from("https://console.example"));
    expect(plain).toMatch(/^HTTP\/1\.1 200 /);
    expect(plain).toMatch(/access-control-allow-origin: https:\/\/console\.example/i);
    expect(plain).toMatch(/vary: [^\r]*Origin/i);
    const { Authorization: _, ...headers } = from("https://console.example");
    const preflight = await ask(
      "/v1/sql",
      { ...headers, "Access-Control-Request-Method": "POST" },
      "OPTIONS",
    );
    expect(preflight).toMatch(/^HTTP\/1\.1 204 /);
    expect(preflight).toMatch(/access-control-allow-headers: [^\r]*Authorization/i);
  });
});

describe("the address", () => {
  const settings = { ...DEFAULT_SERVE_SETTINGS, token: TOKEN };
  const tls = { key: "", cert: "" };

  it.each([
    ["loopback without token", { token: null }],
    ["another loopback address", { host: "127.1.2.3" }],
    ["everywhere, encrypted and with a token", { host: "0.0.0.0", tls }],
    ["everywhere where somebody asks for it", { host: "0.0.0.0", insecure: true, token: null }],
  ])("is allowed: %s", (_, change) => {
    expect(() => checkBind({ ...settings, ...change })).not.toThrow();
  });

  it.each([
    ["everywhere without encryption", { host: "0.0.0.0" }],
    ["all of IPv6 without encryption", { host: "::" }],
    ["everywhere without a token", { host: "0.0.0.0", tls, token: null }],
    ["a name, which may be anybody's", { host: "data.example" }],
    ["an empty token", { token: "" }],
  ])("is refused: %s", (_, change) => {
    let thrown: unknown;
    try {
      checkBind({ ...settings, ...change });
    } catch (error) {
      thrown = error;
    }
    expect(isKurobeError(thrown, "KRB_SERVE_INSECURE_BIND")).toBe(true);
  });
});
