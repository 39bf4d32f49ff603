/** Sinks as the machine runs them: checked, defaulted, plain JSON, without their secrets. */

/** Text, or the name of the environment variable that holds it. */
export type SecretTextPlan = string | { readonly secret: string };

export interface SinkBase {
  readonly name: string;
  /** A stored table: dataset, window, `<dataset>.dead_letters`, `<dataset>.late_rows`. */
  readonly from: string;
  readonly start: "earliest" | "latest";
  readonly retry: { readonly firstUs: number; readonly maxUs: number };
  readonly whenRejected: "block" | "skip";
  /** Rows that may wait; null: as many as there are. */
  readonly maxBacklog: number | null;
}

export interface WebhookPlan extends SinkBase {
  readonly kind: "webhook";
  readonly url: SecretTextPlan;
  readonly secret: SecretTextPlan | null;
  readonly headers: Readonly<Record<string, SecretTextPlan>>;
  readonly timeoutUs: number;
  readonly batch: number;
  readonly concurrency: number;
  readonly allowPrivateAddresses: boolean;
}

export interface FilePlan extends SinkBase {
  readonly kind: "file";
  readonly directory: string;
  readonly format: "ndjson" | "csv" | "parquet";
  readonly partition: "none" | "day" | "hour";
}

export type SinkPlan = WebhookPlan | FilePlan;
