/**
 * What is sent: keyspaces and the operations on them. Plain data, so that it can be stored with the
 * results and sent to threads and agents; together with a seed it decides every byte.
 */
import { type Distribution } from "./distribution.ts";
import { type ValueSize } from "./value-size.ts";

/** Keys of one kind: their names are prefix, name and a number of 12 digits. */
export interface Keyspace {
  readonly name: string;
  readonly keyCount: number;
  readonly distribution: Distribution;
  readonly value: ValueSize;
  /** Elements of a structure: fields, members, scores. */
  readonly memberCount: number;
  readonly memberDistribution: Distribution;
  /** Share of `{lookup}` keys that exist. */
  readonly hitRatio: number;
  /**
   * Commands that make one key, before the run: `{key}`, `{members}` and the like as in operations.
   */
  readonly fill: readonly (readonly string[])[];
}

export interface Operation {
  /** What results call it: `GET`, `ZADD`. */
  readonly name: string;
  readonly keyspace: string;
  readonly weight: number;
  /** Commands sent together; the operation ends with the last reply. */
  readonly steps: readonly (readonly string[])[];
  /** Bits of `ReplyKind` for the last reply; anything else counts as an unexpected reply. */
  readonly expect: number;
  /**
   * Bits of `ReplyKind` that mean that nothing was there; 0 for an operation that does not look.
   * With `list` among them each element of the list counts by itself, and is a miss where it is
   * null (`nil`) or 0 (`integer`).
   */
  readonly missOn: number;
  /** The operation that follows on the same key once the reply is there: a write after a read. */
  readonly then?: string;
}

/** Who listens to what is published. */
export interface Audience {
  readonly channels: number;
  /** Connections. */
  readonly subscribers: number;
  /** Channels that each of them listens to. */
  readonly subscriptions: number;
  /** How they listen, where it is not by SUBSCRIBE. */
  readonly by?: "patterns" | "shards";
}

export interface Workload {
  readonly name: string;
  /** In front of each key, so that what we made can be told from what was there. */
  readonly prefix: string;
  readonly keyspaces: readonly Keyspace[];
  readonly operations: readonly Operation[];
  /** Sent once to each node before anything else: `SCRIPT LOAD`. */
  readonly setup: readonly (readonly string[])[];
  /** Pub/sub alone: the headline figures are then those of delivery. */
  readonly audience?: Audience;
}

/** What results call the way of a message from its publisher to one subscriber. */
export const DELIVERY = "DELIVERY";

/** Whether the figures of a run are those of this operation, too: of pub/sub, what arrives. */
export function isHeadline({ audience }: Workload, operation: string): boolean {
  return audience === undefined || operation === DELIVERY;
}

export const DIGITS = 12;
