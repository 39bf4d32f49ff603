/** Where records come from by themselves, as declared. */
import { BRAND, type Branded } from "./brand.ts";
import { type DatasetDefinition, type Duration } from "./dataset.ts";

export interface FilesSpec {
  /** The dataset itself, or its name. */
  readonly into: DatasetDefinition | string;
  /**
   * Files to read, relative to the project file: `"incoming/*.ndjson"`, `"logs/**"`. `*`
   * and `?` stay within one folder, `**` goes through folders, `{a,b}` is either.
   */
  readonly path: string;
  /** Default: by the file's ending (ndjson, jsonl, json, csv, parquet, each with .gz or .br). */
  readonly format?: "ndjson" | "json" | "csv" | "parquet";
  /**
   * False: a file is read when it has not changed for `settle`, to its end. True: NDJSON and CSV
   * files that grow are followed, record by record. Default false.
   */
  readonly follow?: boolean;
  /** How long a file must be unchanged before it counts as written. Default `"2s"`. */
  readonly settle?: Duration;
  /** How often the folder is looked at. Default `"1s"`. */
  readonly every?: Duration;
  /** What happens to a file that was read to its end. Default `"keep"`. */
  readonly after?: "keep" | "delete";
}

export interface SourceDefinition extends Branded<"source"> {
  readonly kind: "files";
  /** As written; `plan/resolve-source.ts` checks it. */
  readonly spec: unknown;
}

/** Reads the files of a folder, each of their records once, and remembers where it is. */
export function files(spec: FilesSpec): SourceDefinition {
  return Object.freeze({ [BRAND]: "source" as const, kind: "files" as const, spec });
}
