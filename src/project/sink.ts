/** Where rows and results are delivered to, as declared. */
import { type AlertDefinition } from "./alert.ts";
import { BRAND, type Branded } from "./brand.ts";
import { type DatasetDefinition, type Duration } from "./dataset.ts";
import { type WindowDefinition } from "./window.ts";

/** A value that the project names and the environment holds. */
export interface Secret extends Branded<"secret"> {
  readonly name: string;
}

/** Text, or the secret that holds it: `secret("ORDERS_HOOK")`. */
export type SecretText = string | Secret;

/**
 * Read from the environment variable of this name when the engine starts. Secrets are neither part
 * of the plan nor logged.
 */
export function secret(name: string): Secret {
  return Object.freeze({ [BRAND]: "secret" as const, name });
}

/**
 * A dataset, a window, an alert, or the name of one; `"ticks.dead_letters"` and `"ticks.late_rows"`
 * too.
 */
export type SinkSource = DatasetDefinition | WindowDefinition | AlertDefinition | string;

export interface SinkSpec {
  /** Whose rows are delivered. */
  readonly from: SinkSource;
  /**
   * Where a new sink begins: at the first stored row, or at those that come from now on. Default
   * `"latest"` for messages (webhook, Slack, e-mail, channels), `"earliest"` for what holds rows.
   */
  readonly start?: "earliest" | "latest";
  readonly retry?: {
    /** Before the first repetition; doubled each time, with jitter. Default `"1s"`. */
    readonly first?: Duration;
    /** Never longer than this. Default `"5m"`. */
    readonly max?: Duration;
  };
  /**
   * A delivery that the receiver calls wrong (not: busy or broken). `"block"`: the sink waits, and
   * says so, until somebody repairs it. `"skip"`: it is counted and left out. Default `"block"`.
   */
  readonly whenRejected?: "block" | "skip";
  /** Rows that may wait. The oldest beyond them are left out and counted. Default: no limit. */
  readonly maxBacklog?: number;
}

export interface WebhookSpec extends SinkSpec {
  readonly url: SecretText;
  /** Signs each request as Standard Webhooks says: `whsec_…` in base64, or any text. */
  readonly secret?: SecretText;
  readonly headers?: Readonly<Record<string, SecretText>>;
  /** For one request, from the connection to the end of the answer. Default `"10s"`. */
  readonly timeout?: Duration;
  /** Rows a request; above 1 the body has a list. Default 1. */
  readonly batch?: number;
  /** Requests at once; those of one key stay in order. Default 4. */
  readonly concurrency?: number;
  /** Also loopback, link-local and private addresses, and plain http. Default false. */
  readonly allowPrivateAddresses?: boolean;
}

export interface FileSpec extends SinkSpec {
  /** Absolute, or from the project's folder. */
  readonly directory: string;
  /** Default `"ndjson"`. */
  readonly format?: "ndjson" | "csv" | "parquet";
  /** A folder for each day or hour of the rows' event time (UTC). Default `"day"`. */
  readonly partition?: "none" | "day" | "hour";
}

export interface SinkDefinition extends Branded<"sink"> {
  readonly kind: string;
  /** As written; `plan/resolve-sink.ts` checks it. */
  readonly spec: unknown;
}

function sink(kind: string, spec: unknown): SinkDefinition {
  return Object.freeze({ [BRAND]: "sink" as const, kind, spec });
}

/** POSTs each row as JSON, signed, in order per key, until the receiver says 2xx. */
export function webhook(spec: WebhookSpec): SinkDefinition {
  return sink("webhook", spec);
}

/** Writes whole files of rows that a checkpoint holds: every row is in exactly one of them. */
export function file(spec: FileSpec): SinkDefinition {
  return sink("file", spec);
}
