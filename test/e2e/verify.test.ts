/** `kurobe verify` against the running process: a flipped bit anywhere is found and named. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectDirectory, startServer } from "../support/running-server.ts";
import { eventsProject, sendEvents, tally } from "./events-project.ts";

async function flipBit(path: string): Promise<() => Promise<void>> {
  const whole = await readFile(path);
  const damaged = Buffer.from(whole);
  const at = damaged.length >> 1;
  damaged[at] = (damaged[at] ?? 0) ^ 1;
  await writeFile(path, damaged);
  return () => writeFile(path, whole);
}

async function filesOf(directory: string, ending: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(directory, name));
}

it("finds a flipped bit in a chunk, in the manifest and in the log, and rows keep coming", async () => {
  await using directory = await projectDirectory();
  const data = join(directory.path, ".kurobe");
  await using server = await startServer({ directory: directory.path, project: eventsProject() });
  await sendEvents(server, 0, 500);
  await server.kurobe("checkpoint", "now");
  await sendEvents(server, 500, 500);
  const sound = await server.kurobe("verify");
  expect(sound).toMatchObject({ code: 0, json: { damaged: [] } });
  const chunk = (await filesOf(join(data, "chunks/events"), ".parquet"))[0];
  const manifest = (await filesOf(join(data, "manifest"), ".json")).toSorted().at(-1);
  const segment = (await filesOf(join(data, "log"), ".log")).toSorted().at(-1);
  for (const path of [chunk, manifest, segment]) {
    const mend = await flipBit(path ?? "");
    const found = await server.kurobe("verify");
    await mend();
    expect(found).toMatchObject({
      code: 2,
      json: { damaged: [{ path: (path ?? "").slice(data.length + 1) }] },
    });
    expect(found.stderr).toContain("KRB_CLI_DAMAGE");
  }
  await sendEvents(server, 1000, 10);
  expect((await server.kurobe("verify")).code).toBe(0);
  expect(await tally(server)).toMatchObject({ rows: 1010 });
});
