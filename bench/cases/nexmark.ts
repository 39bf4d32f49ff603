/**
 * Estimate. Taking 10 million events in costs what Parquet costs: about 600,000 rows/s of 150 bytes
 * with all that is durable. A query adds its aggregation over the stored rows, once, and the rows
 * of its result; DuckDB's answer over all events at once says what that is at least.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { startChild } from "../child.ts";
import { figure, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { rowsPerSecond } from "../load/load.ts";
import { type SendNexmark, type SentNexmark } from "../load/send-nexmark.ts";
import { BATCH, digestSql, type QueryName } from "../nexmark/batch.ts";
import { KINDS, LANES, nexmarkBodies, type NexmarkBodies } from "../nexmark/bodies.ts";
import { type DuckdbNexmark, type DuckdbNexmarkDone } from "../peers/duckdb-nexmark.ts";
import { closingEvents } from "../nexmark/generator.ts";
import { ndjsonLine } from "../nexmark/ndjson.ts";
import { sideInput } from "../nexmark/side-input.ts";
import { cpuSeconds, residentBytes } from "../processes.ts";

export const nexmark: BenchCase = {
  name: "nexmark",
  title: "Nexmark",
  estimate:
    "Taking the events in costs what Parquet costs, 500,000 rows/s and more. A query adds its aggregation " +
    "over the stored rows, once, and the rows of its result.",
  method:
    `All events (persons, auctions and bids as 1 : 3 : 46, 10,000 a second of event time) as Parquet over ` +
    `${LANES} producers; each query on a new server of its own, default settings, one round. The clock stops ` +
    "when the last body is acknowledged: all events are durable and all results published. DuckDB: one " +
    "statement over the same files from the page cache, its result into a table. Number and hash of the " +
    "results are the same, or the case fails; of Q12, whose windows are those of the moment, the bids of each " +
    "bidder over all of them. Memory is the resident size of all processes, sampled four " +
    "times a second.",
  run: runNexmark,
};

interface Cost {
  readonly elapsedMs: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

async function runNexmark(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace, progress } = context;
  const { events, queries = MEASURED } = settings.nexmark;
  const bodies = await nexmarkBodies(workspace.bodies, events, progress);
  const figures: Figure[] = [];
  for (const name of queries) {
    if (!isQuery(name)) {
      throw new Error(`no query ${name}: there are ${MEASURED.join(", ")}`);
    }
    progress(`${name} in Kurobe`);
    const kurobe = await runKurobe(context, name, bodies);
    progress(`${name} in DuckDB`);
    const duckdb = await runDuckdb(name, bodies);
    if (kurobe.digest.join() !== duckdb.digest.join()) {
      throw new Error(
        `${name}: Kurobe has ${kurobe.digest.join(", ")}, DuckDB ${duckdb.digest.join(", ")}`,
      );
    }
    figures.push(
      ...figuresOf(name, bodies.events, kurobe.cost, duckdb.cost, kurobe.digest[0] ?? ""),
    );
  }
  return figures;
}

const MEASURED: readonly string[] = Object.keys(BATCH);

function isQuery(name: string): name is QueryName {
  return MEASURED.includes(name);
}

function figuresOf(
  name: QueryName,
  events: number,
  kurobe: Cost,
  duckdb: Cost,
  results: string,
): readonly Figure[] {
  const beside = (what: string, unit: string, of: (cost: Cost) => number, note?: string): Figure =>
    figure(`${name}: ${what}`, unit, series("Kurobe", [of(kurobe)]), {
      beside: [series("DuckDB, batch", [of(duckdb)])],
      ...(note === undefined ? {} : { note }),
    });
  return [
    beside(
      "rate",
      "events/s",
      ({ elapsedMs }) => rowsPerSecond(events, elapsedMs),
      `${results} results of ${events} events, as DuckDB has them`,
    ),
    beside("processor time", "CPU s", (cost) => cost.cpuSeconds),
    beside("peak memory", "MiB", ({ peakBytes }) => peakBytes / 2 ** 20),
  ];
}

async function runKurobe(
  context: Context,
  name: QueryName,
  bodies: NexmarkBodies,
): Promise<{ readonly cost: Cost; readonly digest: readonly string[] }> {
  const data = context.workspace.directory(name);
  await using server = await KurobeServer.start({
    project: "nexmark",
    data,
    settings: { NEXMARK: name },
  });
  const { url, token } = server;
  if (name === "q13") await sendSideInput(server);
  const bids = name === "q12" ? "arriving_bid" : "bid";
  const task: SendNexmark = { target: { url, token }, lanes: bodies.lanes, bids };
  using sender = await startChild<SentNexmark>("load/send-nexmark.ts", task);
  const { cost, result: sent } = await measure(server.pid, () => sender.go());
  const expected = bodies.events + LANES * KINDS.length;
  if (sent.accepted !== expected || sent.late !== 0) {
    throw new Error(`${name}: of ${expected} events came ${JSON.stringify(sent)}`);
  }
  if (name === "q12") await closeArrivals(server);
  const [digest = []] = await server.sql(digestSql(name, "kurobe"));
  return { cost: { ...cost, elapsedMs: sent.elapsedMs }, digest: digest.map(String) };
}

/** Before the clock starts: the table stands still. */
async function sendSideInput(server: KurobeServer): Promise<void> {
  await sendLines(server, "side_input", "", sideInput());
}

/** Windows of processing time are over when something comes in after them. */
async function closeArrivals(server: KurobeServer): Promise<void> {
  await sleep(11_000);
  const [, , bid] = closingEvents(0);
  for (let lane = 0; lane < LANES; lane++) {
    await sendLines(server, "arriving_bid", `lane-${lane}`, ndjsonLine(bid));
  }
}

async function sendLines(
  { url, token }: KurobeServer,
  dataset: string,
  producer: string,
  body: string,
): Promise<void> {
  const answer = await fetch(new URL(`/v1/datasets/${dataset}/rows`, url), {
    method: "POST",
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/x-ndjson",
      ...(producer === "" ? {} : { "Kurobe-Producer": producer }),
    },
    body,
  });
  if (!answer.ok) throw new Error(`rows of ${dataset} were refused: ${await answer.text()}`);
}

async function runDuckdb(
  query: QueryName,
  { lanes }: NexmarkBodies,
): Promise<{ readonly cost: Cost; readonly digest: readonly string[] }> {
  const task: DuckdbNexmark = {
    query,
    bodies: lanes.flatMap((bodies) => bodies.slice(0, -KINDS.length)),
  };
  using child = await startChild<DuckdbNexmarkDone>("peers/duckdb-nexmark.ts", task);
  const { cost, result } = await measure(child.pid, () => child.go());
  return { cost: { ...cost, elapsedMs: result.elapsedMs }, digest: result.digest };
}

/** Processor time and peak memory of a process and all under it, while something is done. */
async function measure<R>(
  pid: number,
  run: () => Promise<R>,
): Promise<{ readonly cost: Omit<Cost, "elapsedMs">; readonly result: R }> {
  const before = cpuSeconds(pid);
  let peakBytes = residentBytes(pid);
  const sampler = setInterval(() => (peakBytes = Math.max(peakBytes, residentBytes(pid))), 250);
  try {
    const result = await run();
    return { cost: { cpuSeconds: cpuSeconds(pid) - before, peakBytes }, result };
  } finally {
    clearInterval(sampler);
  }
}
