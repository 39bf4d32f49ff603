/**
 * The demo, step by step: real flights in, a crash in the middle, a checkpoint, the proof,
 * questions.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, openClient } from "../client.ts";
import { showBytes, showCount, showElapsed } from "../figures.ts";
import { type Output } from "../output.ts";
import { type Terminal } from "../terminal.ts";
import { askSql } from "./ask-sql.ts";
import { startDemoEngine, type DemoEngine } from "./demo-engine.ts";
import { type FlightsFeed, writeFlightsFeed } from "./flights-feed.ts";
import { prove, type Proof } from "./proof.ts";
import { askQuestions, type Asked } from "./questions.ts";
import { sendFlights, type Sent } from "./send-flights.ts";

export interface DemoReport {
  readonly feed: { readonly rows: number; readonly bytes: number };
  readonly sent: Sent;
  /** Without the time in which there was no engine. */
  readonly rowsPerSecond: number;
  readonly crash: Crash;
  readonly checkpoint: { readonly elapsedMs: number; readonly pauseMs: number };
  readonly disk: { readonly chunkBytes: number };
  readonly windows: WindowCounts;
  readonly proof: Proof;
  readonly questions: readonly Asked[];
}

interface WindowCounts {
  readonly results: number;
  /** Results that late flights have corrected, and how many times in all. */
  readonly corrected: number;
  readonly corrections: number;
}

interface Crash {
  readonly atRows: number;
  readonly backAfterMs: number;
  readonly replayedRows: number;
  readonly replayMs: number;
}

export interface Demo extends AsyncDisposable {
  readonly report: DemoReport;
  readonly url: string;
  readonly token: string;
}

export interface DemoOptions {
  readonly rows: number;
  readonly port: string | undefined;
  readonly output: Output;
  readonly terminal: Terminal;
}

/** As far as the demo reads `GET /v1/status`. */
interface Status {
  readonly datasets: readonly { readonly chunkBytes: number }[];
  readonly windows: readonly { readonly name: string }[];
}

/**
 * Resolves when everything is measured and the server is still up; disposing stops it and its data.
 */
export async function runDemo(options: DemoOptions): Promise<Demo> {
  const { output, terminal } = options;
  const directory = await mkdtemp(join(tmpdir(), "kurobe-demo-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  let engine: DemoEngine | undefined;
  const close = async (): Promise<void> => {
    await engine?.[Symbol.asyncDispose]();
    await remove();
  };
  try {
    const steps = new Steps(output, terminal);
    const feed = await steps.feed(directory, options.rows);
    engine = await steps.start(join(directory, "data"), options.port);
    const report = await measure(steps, feed, engine, terminal.signal);
    return { report, url: engine.url, token: engine.token, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function measure(
  steps: Steps,
  feed: FlightsFeed,
  engine: DemoEngine,
  signal: AbortSignal,
): Promise<DemoReport> {
  const client = openClient({ url: engine.url, token: engine.token, signal });
  const { sent, crash } = await steps.ingest(feed, engine, client, signal);
  const checkpoint = await steps.checkpoint(client);
  const proof = await steps.prove(client, feed);
  const questions = await askQuestions(client);
  const status = await client.json<Status>("GET", "/v1/status");
  const windows = await countResults(
    client,
    status.windows.map(({ name }) => name),
  );
  return {
    feed: { rows: feed.rows, bytes: feed.bytes },
    sent,
    rowsPerSecond: Math.round((sent.accepted * 1000) / (sent.elapsedMs - crash.backAfterMs)),
    crash,
    checkpoint,
    disk: { chunkBytes: status.datasets[0]?.chunkBytes ?? 0 },
    windows,
    proof,
    questions,
  };
}

/** By their revisions: a result's first one is 1, and each late row adds one. */
async function countResults(client: Client, names: readonly string[]): Promise<WindowCounts> {
  const each = names.map((name) => `SELECT revision FROM ${name}`).join(" UNION ALL ");
  const text =
    "SELECT count(*), count(*) FILTER (WHERE revision > 1), sum(revision - 1) " +
    `FROM (${each}) AS results`;
  const { rows } = await askSql(client, text);
  const [results, corrected, corrections] = (rows[0] ?? []).map(Number);
  return { results: results ?? 0, corrected: corrected ?? 0, corrections: corrections ?? 0 };
}

/** Each step says what it is about while it runs, and leaves one line behind. */
class Steps {
  readonly #output: Output;
  readonly #terminal: Terminal;

  constructor(output: Output, terminal: Terminal) {
    this.#output = output;
    this.#terminal = terminal;
  }

  async feed(directory: string, rows: number): Promise<FlightsFeed> {
    const begun = this.#begin("Preparing");
    begun.update("three million US flights of 2001, in the order in which they became known");
    const feed = await writeFlightsFeed(directory, rows);
    begun.end(`prepared ${showCount(feed.rows)} real flights, ${showBytes(feed.bytes)} of NDJSON`);
    return feed;
  }

  async start(dataDirectory: string, port: string | undefined): Promise<DemoEngine> {
    const begun = this.#begin("Starting");
    begun.update("the engine");
    const engine = await startDemoEngine({ dataDirectory, port, clock: this.#terminal.clock });
    begun.end(`started at ${engine.url}, engine process ${engine.pid}`);
    return engine;
  }

  async ingest(
    feed: FlightsFeed,
    engine: DemoEngine,
    client: Client,
    signal: AbortSignal,
  ): Promise<{ readonly sent: Sent; readonly crash: Crash }> {
    const begun = this.#begin("Sending");
    const startedMs = performance.now();
    let crashing: Promise<Crash> | undefined;
    let note = "";
    const sent = await sendFlights({
      feed,
      client,
      signal,
      onAccepted: (rows) => {
        if (crashing === undefined && rows >= feed.rows / 2) {
          note = `, kill -9 ${engine.pid}`;
          crashing = crashAt(rows, engine);
        }
        const rate = Math.round((rows * 1000) / (performance.now() - startedMs));
        begun.update(`${showCount(rows)} rows, ${showCount(rate)}/s${note}`, rows, feed.rows);
      },
    });
    const crash = await (crashing ?? crashAt(sent.accepted, engine));
    begun.end(
      `sent ${showCount(sent.accepted)} rows; kill -9 at ${showCount(crash.atRows)}, ` +
        `back after ${showElapsed(crash.backAfterMs)}`,
    );
    return { sent, crash };
  }

  async checkpoint(client: Client): Promise<DemoReport["checkpoint"]> {
    const begun = this.#begin("Checkpoint");
    begun.update("everything in memory becomes Parquet chunks");
    const record = await client.json<DemoReport["checkpoint"]>("POST", "/v1/checkpoints");
    begun.end("took a checkpoint");
    return record;
  }

  async prove(client: Client, feed: FlightsFeed): Promise<Proof> {
    const begun = this.#begin("Comparing");
    begun.update("the store with the source");
    const proof = await prove(client, feed);
    begun.end("compared the store with the source, airport by airport and hour by hour");
    return proof;
  }

  #begin(label: string): {
    update(text: string, done?: number, total?: number): void;
    end(text: string): void;
  } {
    const startedMs = performance.now();
    const progress = this.#output.progress(label);
    const { green, dim } = this.#output.paint;
    return {
      update: (text, done = 0, total) => progress.update({ done, total, text }),
      end: (text) => {
        progress[Symbol.dispose]();
        const elapsed = showElapsed(performance.now() - startedMs);
        this.#output.line(`${green("✓")} ${text}  ${dim(elapsed)}`);
      },
    };
  }
}

async function crashAt(atRows: number, engine: DemoEngine): Promise<Crash> {
  const { backAfterMs, ready } = await engine.killAndWait();
  const { rows, elapsedMs } = ready.recovered;
  return { atRows, backAfterMs, replayedRows: rows, replayMs: elapsedMs };
}
