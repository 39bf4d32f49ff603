import { appendFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { seededRandom } from "../simulation/random.ts";
import { projectDirectory, startServer } from "../support/running-server.ts";

const KILLS = 3;
const WRITES = 60;

const PROJECT = `
import { column, dataset, defineProject, files } from "kurobe";
const events = dataset({
  columns: { at: column.timestamp(), id: column.int64(), pad: column.text() },
  eventTime: "at",
});
export default defineProject({
  name: "reader",
  datasets: { events },
  sources: {
    growing: files({ into: events, path: "growing/*.ndjson*", follow: true, every: "20ms" }),
    whole: files({ into: events, path: "whole/*", settle: "0s", every: "20ms", after: "delete" }),
  },
});
`;

const PAD = "x".repeat(500);

function lines(from: number, to: number): string {
  const rows = Array.from({ length: to - from }, (_, i) => ({
    at: "2026-01-01T00:00:00Z",
    id: from + i,
    pad: PAD,
  }));
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

test(`after ${KILLS} kills of the engine each record of each file is there once`, async () => {
  await using directory = await projectDirectory();
  const at = (path: string): string => join(directory.path, path);
  await Promise.all(["growing", "whole", "ready"].map((name) => mkdir(at(name))));
  await using server = await startServer({
    directory: directory.path,
    project: PROJECT,
    args: ["--checkpoint-every", "1s", "--log-segment", "1MiB"],
  });
  const random = seededRandom(7);
  let next = 0;
  const write = async (): Promise<void> => {
    for (let round = 0; round < WRITES; round++) {
      const from = next;
      next += 100;
      // Records are cut at any place, as by a program that writes without regard for lines.
      const text = lines(from, next);
      const cutAt = Math.floor((random.below(1000) / 1000) * text.length);
      await appendFile(at("growing/app.ndjson"), text.slice(0, cutAt));
      await delay(30);
      await appendFile(at("growing/app.ndjson"), text.slice(cutAt));
      if (round % 20 === 19)
        await rename(at("growing/app.ndjson"), at(`growing/app.ndjson.${round}`));
      if (round % 10 !== 0) continue;
      const first = next;
      next += 4000;
      await writeFile(at("ready/file"), gzipSync(lines(first, next)));
      await rename(at("ready/file"), at(`whole/${round}.ndjson.gz`));
    }
  };
  const writing = write();
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(300 + (random.below(1000) / 1000) * 900);
    process.kill(server.enginePid(), "SIGKILL");
    const before = server.readyCount();
    for (let tries = 0; tries < 3000 && server.readyCount() === before; tries++) await delay(10);
  }
  await writing;
  const counts = "SELECT count(*) AS rows, count(DISTINCT id) AS ids, max(id) AS last FROM events";
  let found: unknown;
  for (let tries = 0; tries < 2000; tries++) {
    [found] = await server.sql(counts);
    if ((found as { ids: number }).ids >= next) break;
    await delay(50);
  }
  expect(found).toEqual({ rows: next, ids: next, last: next - 1 });
}, 300_000);
