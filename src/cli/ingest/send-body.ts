/** Sends one body until the server has taken it, however often it has to be asked. */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isKurobeError, type KurobeError } from "../../core/errors.ts";
import { type Client } from "../client.ts";
import { type InputFormat } from "./input-file.ts";

/** What `POST /v1/datasets/{name}/rows` answers. */
export interface RowsAnswer {
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  readonly position: number;
  readonly replayed: boolean;
  readonly errors: readonly RowProblem[];
}

export interface RowProblem {
  readonly line: number;
  readonly column: number | string | null;
  readonly reason: string;
}

export interface SendOptions {
  readonly client: Client;
  readonly dataset: string;
  readonly onInvalid: "dead_letter" | "reject";
  /** Empty where the rows name none. */
  readonly producer: string;
  /** The rows are history of the replay of this name; null: they are live. */
  readonly replay: string | null;
  readonly retryForMs: number;
  readonly signal: AbortSignal;
  /** Told once for each wait. */
  readonly onRetry: (reason: KurobeError, waitMs: number) => void;
}

export interface Body {
  readonly format: InputFormat;
  readonly bytes: Uint8Array;
  readonly idempotencyKey: string;
}

const CONTENT_TYPES: Readonly<Record<InputFormat, string>> = {
  ndjson: "application/x-ndjson",
  json: "application/json",
  csv: "text/csv",
  parquet: "application/vnd.apache.parquet",
};

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

/** A retry is safe at any moment: the key makes the server give the first answer again. */
export async function sendBody(body: Body, options: SendOptions): Promise<RowsAnswer> {
  const { client, dataset, onInvalid, producer, replay, signal } = options;
  const request = {
    query: {
      ...(onInvalid === "reject" ? { onInvalid } : {}),
      ...(replay === null ? {} : { replay }),
    },
    headers: {
      "content-type": CONTENT_TYPES[body.format],
      "idempotency-key": body.idempotencyKey,
      ...(producer === "" ? {} : { "kurobe-producer": producer }),
    },
    body: body.bytes,
    signal,
  };
  const path = `/v1/datasets/${encodeURIComponent(dataset)}/rows`;
  let waitedMs = 0;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await client.json<RowsAnswer>("POST", path, request);
    } catch (error) {
      if (!isKurobeError(error) || !isWorthARetry(error)) throw error;
      const asked = error.details["retryAfterMs"];
      // A little chance keeps many senders from coming back at the same moment.
      const waitMs = typeof asked === "number" ? asked : wait * (0.5 + Math.random() / 2);
      if (waitedMs + waitMs > options.retryForMs) throw error;
      options.onRetry(error, waitMs);
      await delay(waitMs, undefined, { signal });
      waitedMs += waitMs;
    }
  }
}

function isWorthARetry(error: KurobeError): boolean {
  if (error.code !== "KRB_CLI_ANSWER") return error.entry.retry === "backoff";
  // No status: the connection broke off, and the key tells whether the body was stored.
  const { status } = error.details;
  return status === undefined || [408, 429, 502, 503, 504].includes(Number(status));
}

/** The same for the same bytes at the same place of the same file, whenever it is sent. */
export function idempotencyKey(parts: readonly string[], bytes: Uint8Array): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).update("\n").update(bytes);
  return `ingest-${hash.digest("hex").slice(0, 40)}`;
}
