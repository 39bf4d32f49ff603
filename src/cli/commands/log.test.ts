import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runInMemory } from "../../../test/support/memory-terminal.ts";
import { nodeDisk } from "../../core/node-disk.ts";
import { logDirectory, openLog } from "../../log/log.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-log-"));
  await using log = await openLog(logDirectory(directory), { disk: nodeDisk });
  for (let entry = 0; entry < 3; entry++) {
    await log.append({ kind: "tick", receivedAtUs: 1n }, [Buffer.alloc(1000, entry)]).durable;
  }
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function flipMiddle(): Promise<void> {
  const path = join(logDirectory(directory), "00000000000000000001.log");
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

test("a whole log is said to be whole", async () => {
  const { code, stdout } = await runInMemory(["log", "verify", "--data", directory]);
  expect(code).toBe(0);
  expect(stdout).toContain("3 entries in 1 segments");
});

test("damage is named, set aside, and what is lost is said", async () => {
  await flipMiddle();
  const verified = await runInMemory(["log", "verify", "--data", directory]);
  expect(verified.code).not.toBe(0);
  expect(verified.stdout).toContain("00000000000000000001.log, byte ");
  expect(verified.stderr).toContain("kurobe log repair");
  const repaired = await runInMemory(["log", "repair", "--data", directory]);
  expect(repaired.code).toBe(0);
  expect(repaired.stdout).toContain("set aside: ");
  expect(repaired.stdout).toContain("lost: entries ");
  expect((await runInMemory(["log", "verify", "--data", directory])).code).toBe(0);
});
