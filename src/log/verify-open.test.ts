/** Every byte of a log that is open for writing, flipped: noticed, and the right file named. */
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { batchHeader, openSmallLog } from "../../test/simulation/log-fixture.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { type Log } from "./log.ts";
import { type VerifiedSegment } from "./verify-open.ts";

let directory: string;
let log: Log;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-log-"));
  log = await openSmallLog(directory, { disk: nodeDisk });
  for (const body of ["first", "second", "third"]) {
    await log.append(batchHeader(), [Buffer.from(body)]).durable;
    if (body === "second") await log.roll();
  }
});

afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function verify(signal?: AbortSignal): Promise<readonly VerifiedSegment[]> {
  const found: VerifiedSegment[] = [];
  for await (const segment of log.verify({ signal })) found.push(segment);
  return found;
}

it("a sound log has no problem, and its entries are counted", async () => {
  const found = await verify();
  expect(found.map(({ entries, problem }) => ({ entries, problem }))).toEqual([
    { entries: 2, problem: null },
    { entries: 1, problem: null },
  ]);
});

it("every flipped byte is noticed, in finished segments and in the open one", async () => {
  for (const { path, bytes } of await verify()) {
    const whole = await readFile(path);
    for (let at = 0; at < bytes; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await writeFile(path, damaged);
      const problems = (await verify()).filter(({ problem }) => problem !== null);
      expect({ at, paths: problems.map((one) => one.path) }).toEqual({ at, paths: [path] });
    }
    await writeFile(path, whole);
  }
});

it("a file that got shorter, or is gone, is noticed", async () => {
  const [first, second] = await verify();
  await truncate(second?.path ?? "", (second?.bytes ?? 0) - 1);
  expect((await verify())[1]?.problem).not.toBeNull();
  await rm(first?.path ?? "");
  expect((await verify())[0]?.problem).toContain("ENOENT");
});

it("a segment that a checkpoint drops meanwhile is no problem", async () => {
  const verifying = log.verify()[Symbol.asyncIterator]();
  await log.retainFrom(3);
  const first = await verifying.next();
  expect(first).toMatchObject({ value: { entries: 1, problem: null } });
});

it("stops where it is told to", async () => {
  await expect(verify(AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
});
