/**
 * However the built package ends while requests are under way: what was acknowledged is there at
 * the next start, and what is sent again is there once.
 */
import { once } from "node:events";
import { expect, it } from "vitest";
import { projectDirectory, type RunningServer, startServer } from "../support/running-server.ts";
import { eventLines, eventsProject } from "./events-project.ts";

const ROWS_A_BATCH = 20;

interface Senders {
  /** Numbers of the batches that were acknowledged so far. */
  readonly acknowledged: ReadonlySet<number>;
  /** Sends everything that has no answer yet until it has one, and begins nothing new. */
  finish(server: RunningServer): Promise<void>;
}

/** Several clients that send batch after batch, until a request fails. */
function startSending(server: RunningServer, clients: number): Senders {
  const acknowledged = new Set<number>();
  const unanswered = new Set<number>();
  let next = 0;
  const send = async (to: RunningServer, batch: number): Promise<boolean> => {
    const headers = { "idempotency-key": `batch-${batch}` };
    const body = eventLines(batch * ROWS_A_BATCH, ROWS_A_BATCH);
    const response = await to.send("events", body, { headers }).catch(() => undefined);
    if (response?.ok !== true) return false;
    expect(await response.json()).toMatchObject({ accepted: ROWS_A_BATCH });
    acknowledged.add(batch);
    unanswered.delete(batch);
    return true;
  };
  const run = async (): Promise<void> => {
    for (;;) {
      const batch = next++;
      unanswered.add(batch);
      if (!(await send(server, batch))) return;
    }
  };
  const running = Promise.all(Array.from({ length: clients }, run));
  return {
    acknowledged,
    finish: async (to) => {
      await running;
      expect(unanswered.size).toBeGreaterThan(0);
      for (const batch of unanswered) {
        await expect.poll(() => send(to, batch), { timeout: 20_000 }).toBe(true);
      }
    },
  };
}

async function storedBatches(server: RunningServer): Promise<ReadonlyMap<number, number>> {
  const rows = await server.sql(
    `SELECT id // ${ROWS_A_BATCH} AS batch, count(*) AS n FROM events GROUP BY ALL`,
  );
  return new Map(rows.map((row) => [Number(row["batch"]), Number(row["n"])]));
}

async function isWhole(server: RunningServer, senders: Senders): Promise<void> {
  const stored = await storedBatches(server);
  for (const batch of senders.acknowledged) expect(stored.get(batch)).toBe(ROWS_A_BATCH);
  await senders.finish(server);
  const all = await storedBatches(server);
  expect(new Set(all.values())).toEqual(new Set([ROWS_A_BATCH]));
  expect(all.size).toBe(senders.acknowledged.size);
}

const enough = (senders: Senders): Promise<void> =>
  expect.poll(() => senders.acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(40);

it("SIGTERM in the middle of requests ends in order and loses nothing", async () => {
  await using directory = await projectDirectory();
  const options = { directory: directory.path, project: eventsProject() };
  const before = await startServer(options);
  const senders = startSending(before, 8);
  await enough(senders);
  expect(await before.stop("SIGTERM")).toBe(0);
  await using server = await startServer(options);
  await isWhole(server, senders);
});

it("SIGKILL of the engine starts it again, and loses nothing", async () => {
  await using directory = await projectDirectory();
  const args = ["--checkpoint-every", "1s"];
  const options = { directory: directory.path, project: eventsProject(), args };
  await using server = await startServer(options);
  const senders = startSending(server, 8);
  await enough(senders);
  const pid = server.enginePid();
  process.kill(pid, "SIGKILL");
  await expect.poll(() => server.readyCount(), { timeout: 20_000 }).toBe(2);
  expect(server.enginePid()).not.toBe(pid);
  await isWhole(server, senders);
});

it("SIGKILL of the supervisor ends its engine too, and loses nothing", async () => {
  await using directory = await projectDirectory();
  const options = { directory: directory.path, project: eventsProject() };
  const before = await startServer(options);
  const senders = startSending(before, 8);
  await enough(senders);
  const pid = before.enginePid();
  before.supervisor.kill("SIGKILL");
  await once(before.supervisor, "exit");
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  await using server = await startServer(options);
  await isWhole(server, senders);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
