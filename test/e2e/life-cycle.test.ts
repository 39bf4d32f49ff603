/** What a row goes through from the first request to a restart, in the built package. */
import { describe, expect, it } from "vitest";
import {
  projectDirectory,
  type RunningServer,
  startServer,
  type ServerOptions,
} from "../support/running-server.ts";
import { eventLine, eventLines, eventsProject, sendEvents } from "./events-project.ts";

interface Answer {
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly replayed: boolean;
  readonly position: number;
}

async function answerOf(response: Promise<Response>): Promise<Answer> {
  return (await (await response).json()) as Answer;
}

/** Ends in order, starts again; what was acknowledged must be there. */
async function restarted(server: RunningServer, options: ServerOptions): Promise<RunningServer> {
  expect(await server.stop("SIGTERM")).toBe(0);
  return startServer(options);
}

describe("a dead letter", () => {
  it("is stored once the project is mended and it is sent again", async () => {
    await using directory = await projectDirectory();
    const strict = { directory: directory.path, project: eventsProject({ note: "column.text()" }) };
    const before = await startServer(strict);
    const body = eventLine(1) + eventLine(2, { note: "here" }) + eventLine(3);
    expect(await answerOf(before.send("events", body))).toMatchObject({ accepted: 1, rejected: 2 });
    expect(
      await before.sql("SELECT line, reason, raw FROM events.dead_letters ORDER BY line"),
    ).toEqual([
      { line: 1, reason: expect.stringContaining("note") as string, raw: eventLine(1).trim() },
      { line: 3, reason: expect.stringContaining("note") as string, raw: eventLine(3).trim() },
    ]);
    // Before the project is mended it changes nothing.
    const early = await before.kurobe("dlq", "retry", "events");
    expect(early.json).toMatchObject({ retried: 2, accepted: 0, rejected: 2 });
    await using server = await restarted(before, { ...strict, project: eventsProject() });
    const listed = await server.kurobe("dlq", "ls", "events");
    const raws = [1, 3].map((id) => ({ raw: eventLine(id).trim() }));
    expect(listed.json).toMatchObject({ deadLetters: raws });
    const retried = await server.kurobe("dlq", "retry", "events");
    expect(retried.json).toMatchObject({ retried: 2, accepted: 2, rejected: 0, duplicates: 0 });
    expect(await server.sql("SELECT id, note FROM events ORDER BY id")).toEqual([
      { id: 1, note: null },
      { id: 2, note: "here" },
      { id: 3, note: null },
    ]);
    expect(await server.sql("SELECT count(*) AS n FROM events.dead_letters")).toEqual([{ n: 0 }]);
  });
});

describe("a request that is sent again", () => {
  it("changes nothing, before and after a restart", async () => {
    await using directory = await projectDirectory();
    const options = { directory: directory.path, project: eventsProject() };
    const before = await startServer(options);
    const headers = { "idempotency-key": "a-1" };
    const first = await answerOf(before.send("events", eventLines(0, 10), { headers }));
    expect(first).toMatchObject({ accepted: 10, replayed: false });
    const again = await answerOf(before.send("events", eventLines(0, 10), { headers }));
    expect(again).toEqual({ ...first, replayed: true });
    await using server = await restarted(before, options);
    const later = await answerOf(server.send("events", eventLines(0, 10), { headers }));
    expect(later).toEqual({ ...first, replayed: true });
    expect(await server.sql("SELECT count(*) AS n FROM events")).toEqual([{ n: 10 }]);
  });
});

const RESULTS = `SELECT window_start, kind, n, total, newest, revision
                   FROM per_minute ORDER BY window_start, kind`;
const RECOMPUTED = `SELECT date_trunc('minute', "at") AS minute, kind, count(*) AS n, sum(id) AS total
                      FROM events GROUP BY ALL ORDER BY minute, kind`;

describe("windows", () => {
  it("take in what is late, keep apart what is too late, and are the same after a restart", async () => {
    await using directory = await projectDirectory();
    const options = { directory: directory.path, project: eventsProject() };
    const before = await startServer(options);
    await sendEvents(before, 0, 600);
    await before.kurobe("checkpoint", "now");
    await sendEvents(before, 600, 300);
    // 70 s is in the second minute, which is closed for long; ten minutes of 2026 are not yet gone.
    await sendEvents(before, 650, 1);
    const late = await answerOf(before.send("events", eventLine(70)));
    expect(late).toMatchObject({ accepted: 1, rejected: 0 });
    expect(await before.sql('SELECT "at", id FROM events.late_rows')).toEqual([
      { at: expect.stringContaining("00:01:10") as string, id: 70 },
    ]);
    expect(
      await before.sql(
        "SELECT revision, count(*) AS n FROM per_minute GROUP BY revision ORDER BY revision",
      ),
    ).toEqual([
      { revision: 1, n: 41 },
      { revision: 2, n: 1 },
    ]);
    const results = await before.sql(RESULTS);
    const rows = await before.sql(RECOMPUTED);
    await using server = await restarted(before, options);
    expect(await server.sql(RESULTS)).toEqual(results);
    expect(await server.sql(RECOMPUTED)).toEqual(rows);
    expect(await server.sql("SELECT count(*) AS n FROM events.late_rows")).toEqual([{ n: 1 }]);
    await sendEvents(server, 900, 60);
    expect(await server.sql("SELECT count(*) AS n FROM per_minute")).toEqual([{ n: 45 }]);
  });

  it("wait for the slower of two producers, until it has been silent for too long", async () => {
    await using directory = await projectDirectory();
    const project = eventsProject({ watermark: '{ outOfOrderness: "0s", idleTimeout: "2s" }' });
    await using server = await startServer({ directory: directory.path, project });
    const send = async (producer: string, firstId: number, count: number): Promise<void> => {
      const headers = { "kurobe-producer": producer, "kurobe-sequence": String(firstId) };
      const sent = answerOf(server.send("events", eventLines(firstId, count), { headers }));
      expect(await sent).toMatchObject({ accepted: count });
    };
    const closed = async (): Promise<number> =>
      Number(
        (await server.sql("SELECT count(DISTINCT window_start) AS n FROM per_minute"))[0]?.["n"],
      );
    await send("slow", 0, 10);
    await send("fast", 10, 300);
    expect(await closed()).toBe(0);
    // Without a further row of anybody.
    await expect.poll(closed, { timeout: 20_000 }).toBe(5);
  });
});
