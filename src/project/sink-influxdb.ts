/** Points in InfluxDB, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type SecretText, type SinkDefinition, type SinkSpec } from "./sink.ts";

export interface InfluxdbSpec extends SinkSpec {
  /** `https://influx.example.com:8086` */
  readonly url: SecretText;
  /** Of InfluxDB 1. It has to exist, as a bucket has. */
  readonly database?: string;
  readonly retentionPolicy?: string;
  /** Of InfluxDB 2, with `bucket`. */
  readonly org?: string;
  readonly bucket?: string;
  readonly token?: SecretText;
  readonly user?: SecretText;
  readonly password?: SecretText;
  /** Default: the name of the source. */
  readonly measurement?: string;
  /** Columns that become tags; the others become fields. Default: the key's, but for the time. */
  readonly tags?: string | readonly string[];
  /** Rows may have the same time and tags: of them InfluxDB keeps the last. Default false. */
  readonly mayOverwrite?: boolean;
  /** What decimals become: the nearest float (default), or their exact text. */
  readonly decimals?: "float" | "string";
  /** Points a request. Default 5000. */
  readonly batch?: number;
  /** For one request. Default `"30s"`. */
  readonly timeout?: Duration;
  /** Also addresses of the own network, and plain http. Default false. */
  readonly allowPrivateAddresses?: boolean;
}

/**
 * Writes a point for each row: a correction has the same measurement, tags and time, and replaces
 * it. What is taken back is deleted.
 */
export function influxdb(spec: InfluxdbSpec): SinkDefinition {
  return declareSink("influxdb", spec);
}
