/** A sink that writes files. */
import { type ResolveSink, type SinkBase } from "./sink-base.ts";

export interface FilePlan extends SinkBase {
  readonly kind: "file";
  readonly directory: string;
  readonly format: "ndjson" | "csv" | "parquet";
  readonly partition: "none" | "day" | "hour";
}

export const resolveFile: ResolveSink<FilePlan> = (readBase, fields) => ({
  kind: "file",
  ...readBase("earliest"),
  directory: fields.text("directory", '"./out/bars"'),
  format: fields.choice("format", ["ndjson", "csv", "parquet"], "ndjson"),
  partition: fields.choice("partition", ["none", "day", "hour"], "day"),
});
