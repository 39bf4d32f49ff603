/** Rows kept in a table of ClickHouse, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type SecretText, type SinkDefinition, type SinkSpec } from "./sink.ts";

export interface ClickHouseSpec extends SinkSpec {
  /**
   * `https://user@host:8443/database`, the HTTP interface. With a password in it, it has to be a
   * secret.
   */
  readonly url: SecretText;
  /** `"bars"` or `"analytics.bars"`. Default: the name of the source, with `_` for a dot. */
  readonly table?: string;
  /** Creates the table where it is missing, and columns that it lacks. Default false. */
  readonly createTable?: boolean;
  /** Rows an insert. Default 5000. */
  readonly batch?: number;
  /** For one insert. Default `"30s"`. */
  readonly timeout?: Duration;
}

/**
 * Adds rows to a `ReplacingMergeTree`, in which the newest version of a key remains, so that a
 * repetition changes nothing: read it with `FINAL`. Needs the package `@clickhouse/client`.
 */
export function clickhouse(spec: ClickHouseSpec): SinkDefinition {
  return declareSink("clickhouse", spec);
}
