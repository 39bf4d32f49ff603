import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../simulation/random.ts";
import { startServer } from "../support/running-server.ts";
import { CRASH_PROJECT, runCrashLoop } from "./crash-loop.ts";

const ROUNDS = 20;

test(`after ${ROUNDS} kills of the real process nothing is lost, doubled or wrong`, async () => {
  const directory = await mkdtemp(join(tmpdir(), "kurobe-crash-"));
  try {
    await using server = await startServer({
      directory,
      project: CRASH_PROJECT,
      args: ["--checkpoint-every", "1s", "--log-segment", "1MiB"],
    });
    const report = await runCrashLoop(server, {
      rounds: ROUNDS,
      clients: 4,
      random: seededRandom(1),
    });
    expect(report).toMatchObject({ lost: 0, doubled: 0, wrongWindows: 0, rounds: ROUNDS });
    expect(report.rows).toBeGreaterThan(0);
    expect(report.windows).toBeGreaterThan(0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 300_000);
