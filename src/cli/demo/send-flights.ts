/**
 * Sends the feed as a careful producer does: bodies numbered, in order, and again for want of an
 * answer.
 */
import { isKurobeError } from "../../core/errors.ts";
import { type Client } from "../client.ts";
import { readBodies, type FlightsFeed } from "./flights-feed.ts";

/** Rows that do not belong in the dataset, each wrong in another way. */
const BAD_LINES = [
  '{"scheduled":"2001-01-01T12:00:00Z","delay":"?","distance":215,"origin":"ATL","destination":"SAV"}\n',
  '{"scheduled":"2001-02-30T12:00:00Z","delay":4,"distance":215,"origin":"ATL","destination":"SAV"}\n',
  '{"scheduled":"2001-01-01T12:00:00Z","delay":4,"distance":215,"destination":"SAV"}\n',
  '{"scheduled":"2001-01-01T12:00:00Z","delay":4,"dist\n',
] as const;

/** About 80,000 rows. */
const BODY_BYTES = 8_000_000;
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

export async function sendFlights(options: SendOptions): Promise<Sent> {
  const { feed, client, onAccepted, signal } = options;
  const total = { accepted: 0, rejected: 0, duplicates: 0, late: 0, sentAgain: 0, recognised: 0 };
  const startedMs = performance.now();
  let sequence = 0;
  for (const rows of readBodies(feed.path, BODY_BYTES)) {
    const body = sequence === 1 ? Buffer.concat([Buffer.from(BAD_LINES.join("")), rows]) : rows;
    const sender = { "kurobe-producer": "feed", "kurobe-sequence": String(sequence) };
    const { answer, tries } = await sendUntilAnswered(client, body, sender, signal);
    sequence += 1;
    total.accepted += answer.accepted;
    total.rejected += answer.rejected;
    total.duplicates += answer.duplicates;
    total.late += answer.late;
    if (tries > 1) total.sentAgain += 1;
    if (answer.replayed) total.recognised += 1;
    onAccepted(total.accepted);
  }
  return { elapsedMs: performance.now() - startedMs, ...total };
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
