/**
 * What may be wrong with the data directory: in use, not writable, full. The process says so with a
 * code, takes nothing that it cannot keep, and goes on by itself where the reason passes.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  failedStart,
  projectDirectory,
  runKurobe,
  startServer,
} from "../support/running-server.ts";
import { mountSmallDisk, type SmallDisk, whyNoSmallDisk } from "../support/small-disk.ts";
import { eventLines, eventsProject, problemOf, sendEvents, tally } from "./events-project.ts";

const noDisk = whyNoSmallDisk();
if (noDisk !== undefined) process.stderr.write(`left out: full and read-only disks (${noDisk})\n`);

async function smallDisk(sizeMib: number): Promise<SmallDisk> {
  const disk = await mountSmallDisk(sizeMib);
  onTestFinished(() => disk[Symbol.asyncDispose]());
  return disk;
}

function field({ json }: { readonly json: unknown }, name: string): unknown {
  return (json as Readonly<Record<string, unknown>>)[name];
}

describe("a data directory in use", () => {
  it("is refused to a second process, and the first one does not notice", async () => {
    await using directory = await projectDirectory();
    const project = eventsProject();
    await using server = await startServer({ directory: directory.path, project });
    await sendEvents(server, 0, 10);
    const second = await failedStart({ directory: directory.path, project });
    expect(second).toMatchObject({ code: 2, error: { code: "KRB_LOG_LOCKED" } });
    expect(second.error["message"]).toContain(String(server.enginePid()));
    await sendEvents(server, 10, 10);
    expect(await tally(server)).toEqual({ rows: 20, sum: 190 });
    expect(server.readyCount()).toBe(1);
  });
});

describe.skipIf(noDisk !== undefined)("a read-only disk", () => {
  it("is refused at the start", async () => {
    await using directory = await projectDirectory();
    const disk = await smallDisk(8);
    disk.makeReadOnly();
    const args = ["--data", join(disk.path, "data")];
    const failed = await failedStart({ directory: directory.path, project: eventsProject(), args });
    expect(failed).toMatchObject({ code: 2, error: { code: "KRB_PLATFORM_DISK" } });
    expect(failed.error["message"]).toContain("EROFS");
  });
});

describe.skipIf(noDisk !== undefined)("a full disk", () => {
  it("refuses what it cannot keep, answers questions, and goes on when there is space", async () => {
    await using directory = await projectDirectory();
    const disk = await smallDisk(24);
    const args = ["--data", join(disk.path, "data"), "--checkpoint-every", "1s"];
    const project = eventsProject();
    await using server = await startServer({ directory: directory.path, project, args });
    await sendEvents(server, 0, 100);
    const pid = server.enginePid();
    await mkdir(join(disk.path, "others"));
    let accepted = 100;
    let refusal: Response | undefined;
    for (let id = 100; refusal === undefined && id < 100_000; id += 500) {
      await writeFile(join(disk.path, "others", String(id)), Buffer.alloc(400_000)).catch(() => {});
      const response = await server.send("events", eventLines(id, 500));
      if (response.ok) accepted += 500;
      else refusal = response;
    }
    expect(await problemOf(refusal ?? new Response())).toMatchObject({ code: "KRB_LOG_DISK_FULL" });
    expect((await tally(server)).rows).toBe(accepted);
    const isFull = async (): Promise<unknown> => field(await server.kurobe("status"), "diskFull");
    expect(await isFull()).toBe(true);
    await rm(join(disk.path, "others"), { recursive: true });
    await expect.poll(isFull, { timeout: 20_000 }).toBe(false);
    await sendEvents(server, 200_000, 500);
    expect((await tally(server)).rows).toBe(accepted + 500);
    expect({ pid: server.enginePid(), readies: server.readyCount() }).toEqual({ pid, readies: 1 });
  });

  it("is told of while results and alerts wait for it, and passes without being asked", async () => {
    await using directory = await projectDirectory();
    const disk = await smallDisk(24);
    const told = join(disk.path, "told");
    const project = eventsProject({
      more: `
  alerts: {
    busy: kurobe.alert({
      on: "per_minute",
      when: kurobe.threshold({ of: "n", above: 19 }),
      staleAfter: "3650d",
    }),
  },
  sinks: { told: kurobe.file({ from: "busy", directory: ${JSON.stringify(told)}, format: "csv" }) },`,
    });
    const args = ["--data", join(disk.path, "data"), "--checkpoint-every", "1s"];
    await using server = await startServer({ directory: directory.path, project, args });
    const isFull = async (): Promise<unknown> => field(await server.kurobe("status"), "diskFull");
    const firing = (): Promise<unknown> =>
      server.sql("SELECT count(*) AS n FROM busy WHERE state = 'firing'");
    await sendEvents(server, 0, 10);
    expect(await isFull()).toBe(false);
    // Pages for the log, too few for what a checkpoint and a sink write.
    const makeRoom = await disk.fillUp(8192);
    await sendEvents(server, 60, 61);
    await expect.poll(isFull, { timeout: 20_000 }).toBe(true);
    const asked = ["status", "--url", server.url, "--token", server.token];
    const { stdout } = await runKurobe(directory.path, asked);
    expect(stdout).toContain("the disk is full");
    await expect.poll(firing, { timeout: 20_000 }).toEqual([{ n: 3 }]);
    expect(await readdir(told)).toEqual([]);
    await makeRoom();
    await expect.poll(isFull, { timeout: 20_000 }).toBe(false);
    await expect.poll(() => readdir(told), { timeout: 20_000 }).toContain("_delivered.json");
    process.kill(server.enginePid(), "SIGKILL");
    await expect.poll(() => server.readyCount(), { timeout: 20_000 }).toBe(2);
    expect(await firing()).toEqual([{ n: 3 }]);
    expect((await tally(server)).rows).toBe(71);
  });
});
