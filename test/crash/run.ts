/** `npm run crash -- --rounds 500`: the kill -9 loop at length, with its numbers. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../simulation/random.ts";
import { startServer } from "../support/running-server.ts";
import { CRASH_PROJECT, runCrashLoop } from "./crash-loop.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    clients: { type: "string", default: "4" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const rounds = Number(values.rounds);
const directory = await mkdtemp(join(tmpdir(), "kurobe-crash-"));
process.stderr.write(`seed ${values.seed}\n`);
const server = await startServer({
  directory,
  project: CRASH_PROJECT,
  args: ["--checkpoint-every", "1s", "--log-segment", "1MiB"],
});
const report = await runCrashLoop(server, {
  rounds,
  clients: Number(values.clients),
  random: seededRandom(Number(values.seed)),
  onRound: (round, rows) => {
    if (round % 10 === 0 || round === rounds) {
      process.stderr.write(
        `${round} of ${rounds} kills, ${rows.toLocaleString("en")} rows acknowledged\n`,
      );
    }
  },
});
await server[Symbol.asyncDispose]();
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
if (report.lost + report.doubled + report.wrongWindows > 0) {
  process.stderr.write(`the data directory is kept: ${directory}\n`);
  process.exitCode = 1;
} else {
  await rm(directory, { recursive: true, force: true });
}
