/** What the plans of all sinks have in common. */
import { type Fields } from "../fields.ts";

/** Text, or the name of the environment variable that holds it. */
export type SecretTextPlan = string | { readonly secret: string };

export interface SinkBase {
  readonly name: string;
  /** A stored table: dataset, window, alert, `<dataset>.dead_letters`, `<dataset>.late_rows`. */
  readonly from: string;
  readonly start: "earliest" | "latest";
  readonly retry: { readonly firstUs: number; readonly maxUs: number };
  readonly whenRejected: "block" | "skip";
  /** Rows that may wait; null: as many as there are. */
  readonly maxBacklog: number | null;
}

/**
 * Reads the common fields of a sink. Messages start with the latest row by default, what holds rows
 * with the earliest.
 */
export type ReadBase = (start: SinkBase["start"]) => SinkBase;

/** Reads all fields of one kind of sink; each file of this folder has one. */
export type ResolveSink<P extends SinkBase> = (readBase: ReadBase, fields: Fields) => P;
