/** The contract between the worker that delivers and what knows how to reach a receiver. */
import { type AlertPlan } from "../plan/alert-plan.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type SecretTextPlan } from "../plan/sinks/sink-base.ts";
import { type ErrorCode } from "../core/error-catalog.ts";
import { KurobeError } from "../core/errors.ts";
import { type Delivery } from "./delivery.ts";
import { type Pace, type Paces } from "./pace.ts";

/**
 * We promise (the worker): deliveries of one key come in order, one batch after the other, and come
 * again until `deliver` succeeds. Caller promises (the destination): it returns when the receiver
 * has all of them, fails with KRB_SINKS_REJECTED where a row of the batch is wrong (the worker then
 * looks for it) and with another code of `needsRepair` where none is but repeating cannot help. A
 * repetition of what was delivered changes nothing at the receiver (or shows the same id again).
 */
export interface Destination extends AsyncDisposable {
  readonly kind: "rows";
  /** Deliveries a batch, at most. */
  readonly batchRows: number;
  /** Batches at once. */
  readonly lanes: number;
  /**
   * A batch is one message: what refuses it refuses the message, not one of its rows, so it is not
   * cut into halves to find the wrong one.
   */
  readonly isOneMessage?: boolean;
  /** Waited for before each batch; rows that come meanwhile are part of it. */
  readonly pace?: Pace;
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<void>;
}

export interface DestinationDeps {
  /** The name of the project. */
  readonly project: string;
  /** Whose rows are delivered: its columns and its key. */
  readonly relation: DatasetPlan;
  /** Where it is the relation of an alert. */
  readonly alert: AlertPlan | null;
  /** Whether rows of it can be taken back. */
  readonly canDelete: boolean;
  /** The value of a text that may be a secret. */
  readonly reveal: (text: SecretTextPlan) => string;
  readonly nowMs: () => number;
  readonly paces: Paces;
  /** What relative paths count from. */
  readonly folder: string;
}

/** The receiver's URL; one out of a secret is checked here, where it is known. */
export function httpUrl(
  sink: {
    readonly name: string;
    readonly url: SecretTextPlan;
    readonly allowPrivateAddresses: boolean;
  },
  { reveal }: DestinationDeps,
): URL {
  const text = reveal(sink.url);
  const isKnown = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isKnown || (new URL(text).protocol === "http:" && !sink.allowPrivateAddresses)) {
    throw new KurobeError("KRB_SINKS_ADDRESS", `sink ${sink.name}: its URL is not an https URL`);
  }
  return new URL(text);
}

/** Only a person can cure these: of the receiver, its table, or the sink's settings. */
const NEEDS_REPAIR: readonly ErrorCode[] = [
  "KRB_SINKS_REJECTED",
  "KRB_SINKS_ADDRESS",
  "KRB_SINKS_TARGET",
  "KRB_SINKS_DENIED",
];

export function needsRepair(code: ErrorCode): boolean {
  return NEEDS_REPAIR.includes(code);
}

/** How long a receiver wants to be left alone, in milliseconds; null where it did not say. */
export function waitOf(error: unknown): number | null {
  if (!(error instanceof KurobeError)) return null;
  const { retryAfterMs } = error.details;
  return typeof retryAfterMs === "number" ? retryAfterMs : null;
}

/** From the environment; a missing variable is the user's mistake, named before anything starts. */
export function revealFrom(
  environment: Readonly<Record<string, string | undefined>>,
): (text: SecretTextPlan) => string {
  return (text) => {
    if (typeof text === "string") return text;
    const value = environment[text.secret];
    if (value !== undefined && value !== "") return value;
    throw new KurobeError(
      "KRB_SINKS_SECRET",
      `the environment variable ${text.secret}, which a sink names, is not set`,
    );
  };
}
