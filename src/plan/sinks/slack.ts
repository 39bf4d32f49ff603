/** A sink that posts to a chat channel. */
import { httpAddress } from "./http-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

export interface SlackPlan extends SinkBase {
  readonly kind: "slack";
  readonly url: SecretTextPlan;
  readonly link: string | null;
  /** Between two messages, at least. */
  readonly everyUs: number;
  readonly timeoutUs: number;
  readonly allowPrivateAddresses: boolean;
}

export const resolveSlack: ResolveSink<SlackPlan> = (readBase, fields) => {
  const address = httpAddress(fields, 'secret("SLACK_URL")');
  return {
    kind: "slack",
    ...readBase("latest"),
    ...address,
    link: fields.text("link", LINK_EXAMPLE, null),
    everyUs: fields.durationUs("every", "1s"),
    timeoutUs: fields.durationUs("timeout", "10s"),
  };
};

export const LINK_EXAMPLE = '"https://grafana.example.com/d/pages?page={page}"';
