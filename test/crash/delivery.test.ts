import { expect, test } from "vitest";
import { seededRandom } from "../simulation/random.ts";
import { openDeliveryReceiver } from "../support/delivery-receiver.ts";
import { projectDirectory, type RunningServer, startServer } from "../support/running-server.ts";
import { runCrashLoop } from "./crash-loop.ts";

const ROUNDS = 5;

const project = (url: string): string => `
import { col, column, count, dataset, defineProject, last, max, min, session, sum, tumbling, webhook } from "kurobe";

const columns = {
  at: column.timestamp(),
  client: column.text(),
  id: column.int64(),
  amount: column.int64(),
};
const to = (from) => webhook({
  from,
  url: ${JSON.stringify(url)},
  allowPrivateAddresses: true,
  batch: 50,
  start: "earliest",
  retry: { first: "5ms", max: "50ms" },
});

export default defineProject({
  name: "crash",
  datasets: {
    events: dataset({ columns, eventTime: "at", watermark: { outOfOrderness: "2s" } }),
  },
  windows: {
    per_minute: tumbling({
      from: "events",
      size: "1m",
      by: ["client"],
      measure: {
        n: count(),
        amount: sum("amount"),
        low: min("id"),
        high: max("id"),
        close: last("id"),
      },
      allowedLateness: "3650d",
    }),
    // Six seconds of each 48 are busy; a late row between them joins two sessions.
    busy: session({
      from: "events",
      gap: "30s",
      by: ["client"],
      where: col("amount").lt(12),
      measure: { n: count() },
      allowedLateness: "3650d",
    }),
  },
  sinks: { arrived: to("events"), minutes: to("per_minute"), sessions: to("busy") },
});
`;

/** Old sockets may still be read after the kill; a new process needs longer than this. */
const OLD_SOCKETS_MS = 150;

async function untilDelivered(server: RunningServer): Promise<void> {
  for (;;) {
    const response = await server.fetch("/v1/sinks");
    const { sinks } = (await response.json()) as { readonly sinks: readonly { lagRows: number }[] };
    if (sinks.every(({ lagRows }) => lagRows === 0)) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

async function stored(server: RunningServer, relation: string): Promise<readonly string[]> {
  const rows = await server.sql(`SELECT * FROM ${relation}`);
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

test(`after ${ROUNDS} kills a receiver that fails too has every row, correction and retraction`, async () => {
  await using directory = await projectDirectory();
  await using receiver = await openDeliveryReceiver(seededRandom(3));
  await using server = await startServer({
    directory: directory.path,
    project: project(receiver.url),
    args: ["--checkpoint-every", "1s", "--log-segment", "1MiB"],
  });
  await runCrashLoop(server, {
    rounds: ROUNDS,
    clients: 4,
    random: seededRandom(5),
    onKill: () => void setTimeout(() => receiver.nextLife(), OLD_SOCKETS_MS),
  });
  receiver.behave();
  await untilDelivered(server);
  const { ledger } = receiver;
  expect(ledger.wrong).toEqual([]);
  expect(ledger.repeated).toBeGreaterThan(0);
  expect(ledger.retractions).toBeGreaterThan(0);
  for (const relation of ["events", "per_minute", "busy"]) {
    expect(ledger.held(relation)).toEqual(await stored(server, relation));
  }
}, 300_000);
