/** Messages in a chat channel, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type MessageSpec, type SecretText, type SinkDefinition } from "./sink.ts";

export interface SlackSpec extends MessageSpec {
  /** The incoming webhook; who knows it can write to the channel, so it belongs in a secret. */
  readonly url: SecretText;
  /** Between two messages; what comes meanwhile is one message. Default `"1s"`. */
  readonly every?: Duration;
  /** For one request, from the connection to the end of the answer. Default `"10s"`. */
  readonly timeout?: Duration;
  /** Also addresses of the own network, and plain http: a chat server in the house. */
  readonly allowPrivateAddresses?: boolean;
}

/** Writes to a channel of Slack, or of a chat server that takes the same messages. */
export function slack(spec: SlackSpec): SinkDefinition {
  return declareSink("slack", spec);
}
