/** Rows kept in a PostgreSQL table, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type SecretText, type SinkDefinition, type SinkSpec } from "./sink.ts";

export interface PostgresSpec extends SinkSpec {
  /**
   * `postgres://user@host:5432/database?sslmode=verify-full`. With a password in it, it has to be a
   * secret; `PGPASSWORD` is read too.
   */
  readonly url: SecretText;
  /** `"bars"` or `"analytics.bars"`. Default: the name of the source, with `_` for a dot. */
  readonly table?: string;
  /** Creates the table where it is missing, and columns that it lacks. Default false. */
  readonly createTable?: boolean;
  /** Rows a transaction. Default 2000. */
  readonly batch?: number;
  /** For one transaction. Default `"30s"`. */
  readonly timeout?: Duration;
}

/**
 * Keeps a table of PostgreSQL equal to the source: upserts by its key, guarded by their version, so
 * that a repetition or an older one changes nothing. Needs the package `pg`.
 */
export function postgres(spec: PostgresSpec): SinkDefinition {
  return declareSink("postgres", spec);
}
