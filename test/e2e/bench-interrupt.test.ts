/** Ctrl-C as a terminal sends it, to the whole process group, while a benchmark runs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readResults } from "../../src/bench/result/result-file.ts";
import { openConnection } from "../../src/bench/resp/connection.ts";
import { type LocalServer } from "../../src/bench/target/local-server.ts";
import { ROOT } from "../source-files.ts";
import { startServer } from "../support/resp-servers.ts";

const MAIN = join(ROOT, "dist", "cli", "main.js");
const INTERRUPT = "\u0003";

let server: LocalServer;
let folder = "";
beforeAll(async () => {
  server = await startServer("valkey");
  folder = await mkdtemp(join(tmpdir(), "kurobe-interrupt-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A shell's words that run the measurement for a minute, its results in `results`. */
function benchLine(results: string, ...more: readonly string[]): string {
  const words = [
    "bench",
    "kv",
    `redis://127.0.0.1:${server.port}`,
    "-k",
    "500",
    "--warmup",
    "50ms",
    "-d",
    "60s",
  ];
  return [process.execPath, MAIN, ...words, "-o", join(folder, results), ...more].join(" ");
}

/** Runs a line on a terminal of its own and presses a key at each time. Gives the exit code. */
async function pressing(
  line: string,
  keys: readonly { readonly key: string; readonly when: () => Promise<boolean> }[],
): Promise<number | null> {
  // `script` gives the line a terminal; `-e` gives its exit code back. Without `exec`, a shell of
  // Debian's stays above the benchmark, hears of the key as well and ends as one that was
  // interrupted, whatever the benchmark ended with.
  const child = spawn("script", ["-qec", `exec ${line}`, "/dev/null"], {
    env: { ...process.env, SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdout.resume();
  const ended = once(child, "exit");
  for (const { key, when } of keys) {
    await expect.poll(when, { timeout: 60_000, interval: 50 }).toBe(true);
    child.stdin.write(key);
  }
  const [code] = (await ended) as [number | null];
  return code;
}

/** Whether so many of its operations have come to the server. */
function busy(command: string, least: number): () => Promise<boolean> {
  return async () => {
    await using connection = await openConnection(server.target);
    const stats = String(await connection.call("INFO", "commandstats"));
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0) >= least;
  };
}

async function reset(): Promise<void> {
  await using connection = await openConnection(server.target);
  await connection.call("CONFIG", "RESETSTAT");
}

async function keysLeft(): Promise<unknown> {
  await using connection = await openConnection(server.target);
  return await connection.call("DBSIZE");
}

it.each([
  ["one thread", ["-t", "1"]],
  ["two threads", ["-t", "2"]],
])("Ctrl-C leaves a valid partial result and exit code 0: %s", async (name, more) => {
  await reset();
  const line = benchLine(name.replace(" ", "-"), ...more);
  expect(await pressing(line, [{ key: INTERRUPT, when: busy("get", 5000) }])).toBe(0);
  const [result] = await readResults([join(folder, name.replace(" ", "-"))]);
  expect(result?.validity).toMatchObject({ is_valid: true, is_partial: true });
  expect(result?.stats.requests).toBeGreaterThan(0);
  expect(result?.stats.duration_s).toBeLessThan(60);
  expect(await keysLeft()).toBe(0);
});

it("counts as one press when a program above passes it on as well, as npm does", async () => {
  await reset();
  // The wrapper is in the terminal's group, too: the benchmark hears of one press twice.
  const wrapper =
    `const child = require("node:child_process").spawn(process.argv[1], { shell: "/bin/sh", stdio: "inherit" });` +
    `process.on("SIGINT", () => child.kill("SIGINT")); child.on("exit", (code) => process.exit(code ?? 99));`;
  const line = `${process.execPath} -e '${wrapper}' 'exec ${benchLine("wrapped")}'`;
  expect(await pressing(line, [{ key: INTERRUPT, when: busy("get", 5000) }])).toBe(0);
  const [result] = await readResults([join(folder, "wrapped")]);
  expect(result?.validity).toMatchObject({ is_valid: true, is_partial: true });
});

it("a second Ctrl-C ends at once with exit code 130, and writes nothing", async () => {
  await reset();
  let pressedAt = 0;
  const pauseThen = async (): Promise<boolean> => {
    if (!(await busy("get", 5000)())) return false;
    // What is in flight now keeps the first Ctrl-C waiting.
    await using connection = await openConnection(server.target);
    await connection.call("CLIENT", "PAUSE", "4000", "ALL");
    pressedAt = performance.now();
    return true;
  };
  const later = async (): Promise<boolean> => {
    await Promise.resolve();
    return performance.now() - pressedAt > 1000;
  };
  const keys = [
    { key: INTERRUPT, when: pauseThen },
    { key: INTERRUPT, when: later },
  ];
  expect(await pressing(benchLine("twice"), keys)).toBe(130);
  await expect(readdir(join(folder, "twice"))).rejects.toThrow("ENOENT");
});
