import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { ownIdentity, type ProcessIdentity } from "../core/process-identity.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";

let directory = "";
let path = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-lock-"));
  path = join(directory, "lock");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const lock = (options = {}): Promise<DirectoryLock> =>
  lockDirectory(path, { disk: nodeDisk, beatMs: 20, patienceMs: 600, ...options });

/** Somebody's lock file, as they would have written it. */
function writeRecord(owner: Partial<ProcessIdentity>, beat = 0, file = path): Promise<void> {
  const record = { ...ownIdentity(), token: "t", ...owner };
  const line = String(beat).padStart(12, "0");
  return writeFile(file, `${line}\n${JSON.stringify(record)}\n`);
}

/** A real process that takes the lock and keeps it until it is killed. */
async function startOwner(): Promise<ChildProcess> {
  const module = new URL("./directory-lock.ts", import.meta.url).href;
  const disk = new URL("../core/node-disk.ts", import.meta.url).href;
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(module)});
    const { nodeDisk } = await import(${JSON.stringify(disk)});
    await lockDirectory(${JSON.stringify(path)}, { disk: nodeDisk });
    console.log("held");
    setInterval(() => undefined, 1000);`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

describe("the lock of a data directory", () => {
  it("names the owner to a second one, and is free again after its release", async () => {
    const first = await lock();
    await expect(lock()).rejects.toMatchObject({
      code: "KRB_LOG_LOCKED",
      details: { pid: process.pid },
      message: expect.stringContaining(String(process.pid)),
    });
    await first[Symbol.asyncDispose]();
    await (await lock())[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
  });

  it("is held by another process until that is gone, even killed", async () => {
    const child = await startOwner();
    await expect(lock()).rejects.toMatchObject({
      code: "KRB_LOG_LOCKED",
      details: { pid: child.pid },
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    await using held = await lock();
    expect(held.signal.aborted).toBe(false);
  });

  it("is taken over when the process id belongs to somebody else by now", async () => {
    await writeRecord({ started: "1" });
    await using _ = await lock();
    expect(await readFile(path, "utf8")).toContain(ownIdentity().started);
  });

  it("is taken over where a power loss left half a file", async () => {
    for (const content of ["", "000000000000\n", '000000000000\n{"pid":']) {
      await writeFile(path, content);
      await (await lock())[Symbol.asyncDispose]();
    }
  });

  it("goes to exactly one of many that start at once, whatever earlier ones left", async () => {
    for (let round = 0; round < 10; round += 1) {
      await writeRecord({ started: "1", boot: ownIdentity().boot });
      // Somebody died while taking over, and somebody else while taking that over.
      if (round > 3) await writeRecord({ started: "2" }, 0, `${path}.takeover-t`);
      const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => lock()));
      const winners = outcomes.filter((outcome) => outcome.status === "fulfilled");
      const losers = outcomes.filter((outcome) => outcome.status === "rejected");
      expect(winners).toHaveLength(1);
      expect(losers.every(({ reason }) => isKurobeError(reason, "KRB_LOG_LOCKED"))).toBe(true);
      for (const { value } of winners) await value[Symbol.asyncDispose]();
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it("waits for a sign of life from an owner in another container", async () => {
    const owner = { namespace: "pid:[1]", host: "elsewhere" };
    await writeRecord(owner);
    const file = await nodeDisk.open(path, "write");
    let beat = 0;
    const showLife = (): void => {
      beat += 1;
      void file.write([Buffer.from(String(beat).padStart(12, "0"))], 0);
    };
    const beating = setInterval(showLife, 50);
    const waited: string[] = [];
    const onWait = ({ host }: ProcessIdentity): void => void waited.push(host);
    await expect(lock({ onWait })).rejects.toMatchObject({ details: { host: "elsewhere" } });
    clearInterval(beating);
    await file[Symbol.asyncDispose]();
    await using _ = await lock({ onWait });
    expect(waited).toEqual(["elsewhere", "elsewhere"]);
  });

  it("shows its own life by counting, and notices when it has been replaced", async () => {
    await using held = await lock();
    const first = await readFile(path, "utf8");
    await expect.poll(() => readFile(path, "utf8")).not.toBe(first);
    await rm(path);
    await writeRecord({ pid: 1, token: "another" } as Partial<ProcessIdentity>);
    await expect.poll(() => held.signal.aborted).toBe(true);
    await held[Symbol.asyncDispose]();
    expect(await readFile(path, "utf8")).toContain("another");
    await rm(path);
  });
});
