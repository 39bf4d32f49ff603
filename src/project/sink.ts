/** Where rows and results are delivered to, as declared. */
import { type AlertDefinition } from "./alert.ts";
import { BRAND, type Branded } from "./brand.ts";
import { type DatasetDefinition, type Duration } from "./dataset.ts";
import { type StreamDefinition } from "./stream.ts";
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
 * A dataset, a stream, a window, an alert, or the name of one; `"ticks.dead_letters"` and
 * `"ticks.late_rows"` too.
 */
export type SinkSource =
  | DatasetDefinition
  | StreamDefinition
  | WindowDefinition
  | AlertDefinition
  | string;

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

/** Sinks whose deliveries are messages that people read. */
export interface MessageSpec extends Omit<SinkSpec, "from"> {
  /** Whose rows are told of. Left out where an alert names the sink in its `to`. */
  readonly from?: SinkSource;
  /** What the message links to; `{page}` is the value of that column. */
  readonly link?: string;
}

export interface SinkDefinition extends Branded<"sink"> {
  readonly kind: string;
  /** As written; `plan/resolve-sink.ts` checks it. */
  readonly spec: unknown;
}

/** What the functions that declare a sink share: `webhook`, `file`, … */
export function declareSink(kind: string, spec: SinkSpec | MessageSpec): SinkDefinition {
  return Object.freeze({ [BRAND]: "sink" as const, kind, spec });
}
