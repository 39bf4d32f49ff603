/**
 * The project changes while there is data: what stays, what is computed again, what needs `--yes`.
 */
import { describe, expect, it } from "vitest";
import { failedStart, projectDirectory, startServer } from "../support/running-server.ts";
import { eventLine, eventsProject, PER_MINUTE, sendEvents, tally } from "./events-project.ts";

function window(name: string, size: string): string {
  return `
    ${name}: tumbling({
      from: "events",
      size: "${size}",
      measure: { n: count(), total: sum("id") },
    }),`;
}

function results(name: string): string {
  return `SELECT epoch_us(window_start) // 60000000 % 60 AS minute, n, total, revision
            FROM ${name} ORDER BY window_start`;
}

/** Ten minutes of 60 rows, in windows of `minutes`, as they must come out. */
function expected(minutes: number): readonly object[] {
  return Array.from({ length: 10 / minutes }, (_, index) => {
    const n = minutes * 60;
    const first = index * n;
    return { minute: index * minutes, n, total: n * first + (n * (n - 1)) / 2, revision: 1 };
  });
}

describe("a project that has changed", () => {
  it("keeps rows, lets new windows catch up, computes changed ones again, and loses nothing unasked", async () => {
    await using directory = await projectDirectory();
    const { path } = directory;
    const first = eventsProject({ windows: window("twos", "2m") });
    const before = await startServer({ directory: path, project: first });
    await sendEvents(before, 0, 300);
    await before.kurobe("checkpoint", "now");
    // The other half is in the log only, and 601 closes the tenth minute.
    await sendEvents(before, 300, 300);
    await sendEvents(before, 601, 1);
    expect(await before.sql(results("twos"))).toEqual(expected(2));
    await before.stop("SIGTERM");

    const larger = eventsProject({
      columns: "\n        colour: column.text().nullable(),",
      windows: window("twos", "2m") + window("fives", "5m"),
    });
    const added = await startServer({ directory: path, project: larger });
    await expect.poll(() => added.sql(results("fives"))).toEqual(expected(5));
    expect(await added.sql(results("twos"))).toEqual(expected(2));
    await sendEvents(added, 700, 1);
    const body = eventLine(701, { colour: "red" });
    expect(await (await added.send("events", body)).json()).toMatchObject({ accepted: 1 });
    expect(
      await added.sql("SELECT colour, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL"),
    ).toEqual([
      { colour: "red", n: 1 },
      { colour: null, n: 602 },
    ]);
    await added.stop("SIGTERM");

    const smaller = eventsProject({ windows: window("fives", "1m") });
    const refused = await failedStart({ directory: path, project: smaller });
    expect(refused).toMatchObject({ code: 1, error: { code: "KRB_ENGINE_PLAN_CHANGE" } });
    expect(refused.error["details"]).toMatchObject({
      destructive: [
        expect.stringContaining("datasets.events.columns.colour") as string,
        expect.stringContaining("windows.twos") as string,
      ],
    });
    await using server = await startServer({ directory: path, project: smaller, args: ["--yes"] });
    expect(await tally(server)).toMatchObject({ rows: 603 });
    await expect
      .poll(async () => (await server.sql(results("fives"))).slice(0, 10))
      .toEqual(expected(1));
    await expect(server.sql("SELECT n FROM twos")).rejects.toThrow(/KRB_QUERY_UNKNOWN_RELATION/);
    await expect(server.sql("SELECT colour FROM events")).rejects.toThrow(/colour/);
  });

  it("does not bring back what an old key has replaced, and keeps values in a wider type", async () => {
    await using directory = await projectDirectory();
    const { path } = directory;
    const level = (type: string): string => `\n        level: column.${type}(),`;
    const keyed = eventsProject({ columns: level("int32"), fields: '\n      key: ["id"],' });
    const before = await startServer({ directory: path, project: keyed });
    const send = async (days: number): Promise<void> => {
      const lines = Array.from({ length: 10 }, (_, id) => {
        const at = new Date(Date.UTC(2026, 0, 1 + days) + id * 1000).toISOString();
        return eventLine(id, { at, level: days - 2_147_483_648 });
      });
      const response = await before.send("events", lines.join(""));
      expect(await response.json()).toMatchObject({ accepted: 10 });
      await before.kurobe("checkpoint", "now");
    };
    await send(0);
    await send(1);
    await before.stop("SIGTERM");
    const project = eventsProject({ columns: level("int64"), windows: PER_MINUTE });
    await using server = await startServer({ directory: path, project });
    const wide = eventLine(11, { level: 9_007_199_254_740_991 });
    expect(await (await server.send("events", wide)).json()).toMatchObject({ accepted: 1 });
    expect(
      await server.sql("SELECT level, count(*) AS n FROM events GROUP BY ALL ORDER BY level"),
    ).toEqual([
      { level: -2_147_483_647, n: 10 },
      { level: 9_007_199_254_740_991, n: 1 },
    ]);
  });

  it("that cannot be carried out is refused, with --yes too", async () => {
    await using directory = await projectDirectory();
    const options = { directory: directory.path, project: eventsProject() };
    const before = await startServer(options);
    await sendEvents(before, 0, 10);
    await before.stop("SIGTERM");
    const project = eventsProject({ columns: "\n        must: column.text()," });
    const refused = await failedStart({ ...options, project, args: ["--yes"] });
    expect(refused).toMatchObject({ code: 1, error: { code: "KRB_ENGINE_PLAN_CHANGE" } });
    await using server = await startServer(options);
    expect(await tally(server)).toMatchObject({ rows: 10 });
  });
});
