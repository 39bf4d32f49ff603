/** Rows posted as JSON, as declared. */
import { type Duration } from "./dataset.ts";
import {
  declareSink,
  type SecretText,
  type SinkDefinition,
  type SinkSource,
  type SinkSpec,
} from "./sink.ts";

export interface WebhookSpec extends Omit<SinkSpec, "from"> {
  /** Whose rows are posted. Left out where an alert names the sink in its `to`. */
  readonly from?: SinkSource;
  readonly url: SecretText;
  /** Signs each request as Standard Webhooks says: `whsec_…` in base64, or any text. */
  readonly secret?: SecretText;
  readonly headers?: Readonly<Record<string, SecretText>>;
  /** For one request, from the connection to the end of the answer. Default `"10s"`. */
  readonly timeout?: Duration;
  /** Rows a request; above 1 the body has a list. Default 1. */
  readonly batch?: number;
  /** Requests at once; those of one key stay in order. Default 4. */
  readonly concurrency?: number;
  /** Also loopback, link-local and private addresses, and plain http. Default false. */
  readonly allowPrivateAddresses?: boolean;
}

/** POSTs each row as JSON, signed, in order per key, until the receiver says 2xx. */
export function webhook(spec: WebhookSpec): SinkDefinition {
  return declareSink("webhook", spec);
}
