/** Rows written into files, as declared. */
import { declareSink, type SinkDefinition, type SinkSpec } from "./sink.ts";

export interface FileSpec extends SinkSpec {
  /** Absolute, or from the project's folder. */
  readonly directory: string;
  /** Default `"ndjson"`. */
  readonly format?: "ndjson" | "csv" | "parquet";
  /** A folder for each day or hour of the rows' event time (UTC). Default `"day"`. */
  readonly partition?: "none" | "day" | "hour";
}

/** Writes whole files of rows that a checkpoint holds: every row is in exactly one of them. */
export function file(spec: FileSpec): SinkDefinition {
  return declareSink("file", spec);
}
