/** `kurobe dev` in the built package: edits take effect, mistakes are shown and change nothing. */
import { expect, it } from "vitest";
import { projectDirectory, startServer, writeProject } from "../support/running-server.ts";
import { eventLine, eventsProject, sendEvents, tally } from "./events-project.ts";

it("runs an edited project, shows the mistakes of a wrong one, and waits with what loses data", async () => {
  await using directory = await projectDirectory();
  const { path } = directory;
  await using server = await startServer({
    directory: path,
    project: eventsProject(),
    verb: "dev",
  });
  await sendEvents(server, 0, 10);

  await writeProject(path, eventsProject({ columns: "\n        wrong: column.text().maybe()," }));
  await expect.poll(() => server.errors(), { timeout: 20_000 }).toContain("goes on as it was");
  expect(server.errors()).toContain("maybe");
  await sendEvents(server, 10, 10);
  expect(server.readyCount()).toBe(1);

  const columns = "\n        colour: column.text().nullable(),";
  await writeProject(path, eventsProject({ columns }));
  await expect.poll(() => server.readyCount(), { timeout: 20_000 }).toBe(2);
  const body = eventLine(20, { colour: "red" });
  expect(await (await server.send("events", body)).json()).toMatchObject({ accepted: 1 });
  expect(
    await server.sql("SELECT colour, count(*) AS n FROM events GROUP BY ALL ORDER BY n"),
  ).toEqual([
    { colour: "red", n: 1 },
    { colour: null, n: 20 },
  ]);

  await writeProject(path, eventsProject());
  await expect.poll(() => server.errors(), { timeout: 20_000 }).toContain("--yes");
  await writeProject(path, eventsProject({ columns }));
  await expect.poll(() => server.readyCount(), { timeout: 20_000 }).toBe(3);
  expect(await tally(server)).toMatchObject({ rows: 21 });
});
