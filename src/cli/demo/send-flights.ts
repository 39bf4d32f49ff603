/**
 * Sends the feed as careful producers do: bodies counted, in order, and again whenever no answer
 * came.
 */
import { isKurobeError } from "../../core/errors.ts";
import { type Client } from "../client.ts";
import { readBodies, type FlightsFeed } from "./flights-feed.ts";

/** Rows that do not belong in the dataset, each wrong in another way. */
const BAD_LINES = [
  '{"scheduled":"2001-01-01T12:00:00Z","delay":"unknown","distance":215,"origin":"ATL","destination":"SAV"}',
  '{"scheduled":"2001-02-30T12:00:00Z","delay":4,"distance":215,"origin":"ATL","destination":"SAV"}',
  '{"scheduled":"2001-01-01T12:00:00Z","delay":4,"distance":215,"destination":"SAV"}',
  '{"scheduled":"2001-01-01T12:00:00Z","delay":4,"dist',
] as const;

/** About 80,000 rows. */
const BODY_BYTES = 8_000_000;
/** A few rows. */
const FIRST_BODY_BYTES = 400;
const RETRY_MS = 100;
const PATIENCE_MS = 60_000;

export interface Sent {
  readonly elapsedMs: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  /** Bodies that were sent once more because no answer came. */
  readonly sentAgain: number;
  /** Of those: bodies that had been stored, and were recognised by their number. */
  readonly recognised: number;
}

interface RowsAnswer {
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  readonly replayed: boolean;
}

export interface SendOptions {
  readonly feed: FlightsFeed;
  readonly client: Client;
  /** Called after every answer with the rows that were accepted so far. */
  readonly onAccepted: (rows: number) => void;
  readonly signal: AbortSignal;
}

/** All producers at once, after each has sent its first row: the watermark waits for those it knows. */
export async function sendFlights(options: SendOptions): Promise<Sent> {
  const total = { ...NOTHING };
  const producers = options.feed.paths.map((path, index) => {
    return new Producer(path, index, total, options);
  });
  const startedMs = performance.now();
  for (const producer of producers) await producer.sendOne();
  await Promise.all(producers.map((producer) => producer.sendAll()));
  return { elapsedMs: performance.now() - startedMs, ...total };
}

const NOTHING = {
  accepted: 0,
  rejected: 0,
  duplicates: 0,
  late: 0,
  sentAgain: 0,
  recognised: 0,
};

class Producer {
  readonly #bodies: Generator<Buffer>;
  readonly #index: number;
  readonly #total: typeof NOTHING;
  readonly #options: SendOptions;
  #sequence = 0;

  constructor(path: string, index: number, total: typeof NOTHING, options: SendOptions) {
    this.#bodies = readBodies(path, FIRST_BODY_BYTES, BODY_BYTES);
    this.#index = index;
    this.#total = total;
    this.#options = options;
  }

  async sendAll(): Promise<void> {
    while (await this.sendOne());
  }

  /** False where there is no further body. */
  async sendOne(): Promise<boolean> {
    const next = this.#bodies.next();
    if (next.done === true) return false;
    const { client, onAccepted, signal } = this.#options;
    const bad = this.#sequence === 1 ? BAD_LINES[this.#index] : undefined;
    const body =
      bad === undefined ? next.value : Buffer.concat([Buffer.from(`${bad}\n`), next.value]);
    const sender = {
      "kurobe-producer": `feed-${this.#index}`,
      "kurobe-sequence": String(this.#sequence),
    };
    const { answer, tries } = await sendUntilAnswered(client, body, sender, signal);
    this.#sequence += 1;
    const total = this.#total;
    total.accepted += answer.accepted;
    total.rejected += answer.rejected;
    total.duplicates += answer.duplicates;
    total.late += answer.late;
    if (tries > 1) total.sentAgain += 1;
    if (answer.replayed) total.recognised += 1;
    onAccepted(total.accepted);
    return true;
  }
}

async function sendUntilAnswered(
  client: Client,
  body: Buffer,
  sender: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly answer: RowsAnswer; readonly tries: number }> {
  const giveUpMs = performance.now() + PATIENCE_MS;
  const headers = { "content-type": "application/x-ndjson", ...sender };
  for (let tries = 1; ; tries++) {
    try {
      const path = "/v1/datasets/flights/rows";
      return { answer: await client.json<RowsAnswer>("POST", path, { headers, body }), tries };
    } catch (error) {
      signal.throwIfAborted();
      if (!isWorthARetry(error) || performance.now() > giveUpMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** No answer, half an answer, or "not now": the number makes it safe to ask again. */
function isWorthARetry(error: unknown): boolean {
  if (!isKurobeError(error)) return false;
  const { status } = error.details as { readonly status?: number };
  if (status === undefined) return true;
  return status === 429 || status === 503;
}
