import { describe, expect, it } from "vitest";
import { KurobeError } from "./errors.ts";
import { createLog, type LogSink } from "./log-output.ts";

function sink(isTTY: boolean): LogSink & { readonly lines: string[] } {
  const lines: string[] = [];
  return { isTTY, lines, write: (line) => lines.push(line) };
}

describe("log output", () => {
  it("writes one JSON object a line, with level and time by name", () => {
    const out = sink(false);
    createLog("info", out).warn({ waitedMs: 2100 }, "the disk is slow");
    expect(JSON.parse(out.lines.join(""))).toEqual({
      level: "warn",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      waitedMs: 2100,
      msg: "the disk is slow",
    });
  });

  it("drops what is below its level", () => {
    const out = sink(false);
    const log = createLog("warn", out);
    log.info("one");
    log.error("two");
    expect(out.lines).toHaveLength(1);
  });

  it("gives a coded error its code and hint, and keeps its stack for bugs", () => {
    const out = sink(false);
    const log = createLog("info", out);
    log.error({ err: new KurobeError("KRB_CORE_CLOSED", "it is closing") }, "failed");
    log.error({ err: new KurobeError("KRB_CORE_ASSERTION", "two and two is five") }, "failed");
    const [closed, bug] = out.lines.map((line) => (JSON.parse(line) as { err: object }).err);
    expect(closed).toMatchObject({ code: "KRB_CORE_CLOSED", message: "it is closing" });
    expect(closed).not.toHaveProperty("stack");
    expect(bug).toHaveProperty("stack");
  });

  it("never writes a token", () => {
    const out = sink(false);
    const headers = { authorization: "Bearer abc123" };
    createLog("info", out).info({ token: "abc123", req: { headers }, headers }, "request");
    expect(out.lines.join("")).not.toContain("abc123");
  });

  it("writes for the eye where a terminal is watching", () => {
    const out = sink(true);
    createLog("info", out).info({ url: "http://127.0.0.1:4186", why: "a b" }, "listening");
    expect(out.lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}listening {2}url=http:\/\/127\.0\.0\.1:4186 {2}why="a b"\n$/,
    );
  });
});
