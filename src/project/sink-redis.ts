/** Rows kept in Redis or Valkey, or published there, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type SecretText, type SinkDefinition, type SinkSpec } from "./sink.ts";

interface RedisTarget extends SinkSpec {
  /**
   * `redis://user@host:6379/0`, `rediss://` for TLS; `valkey://` and `valkeys://` are the same.
   * With a password in it, it has to be a secret.
   */
  readonly url: SecretText;
  /** The URL names one node of a cluster. Default false. */
  readonly cluster?: boolean;
  /** Rows a round trip. Default 1000. */
  readonly batch?: number;
  /** For one round trip. Default `"10s"`. */
  readonly timeout?: Duration;
}

export interface RedisHashSpec extends RedisTarget {
  /** One hash a key, a field a column. */
  readonly keep?: "hash";
  /** Before the values of the key, which `|` parts. Default: the name of the source and `:`. */
  readonly prefix?: string;
  /** Since a row was last written. Default: they stay. */
  readonly ttl?: Duration;
}

export interface RedisSortedSetSpec extends RedisTarget {
  /** Keys as members, ordered by one column. */
  readonly keep: "sortedSet";
  /** A number or a timestamp (in milliseconds). Rows in which it is null are not in the set. */
  readonly score: string;
  /** Columns of the key that give each set its name; the others name the member. Default: none. */
  readonly per?: readonly string[];
  /**
   * The name of the set, or what comes before the values of `per`. Default: the name of the source.
   */
  readonly prefix?: string;
  /** Since a set was last written to. Default: they stay. */
  readonly ttl?: Duration;
}

export interface RedisChannelSpec extends RedisTarget {
  /** Messages for who listens now: JSON as a webhook gets it. */
  readonly keep: "channel";
  /** Default: the name of the source. */
  readonly channel?: string;
}

export type RedisSpec = RedisHashSpec | RedisSortedSetSpec | RedisChannelSpec;

/**
 * Keeps hashes or sorted sets equal to the source, guarded by their version, so that a repetition
 * changes nothing; or publishes its rows. For Redis and Valkey; needs the package `iovalkey`.
 */
export function redis(spec: RedisSpec): SinkDefinition {
  return declareSink("redis", spec);
}
