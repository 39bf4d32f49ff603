/** A sink that posts to a chat channel. */
import { checkHttpAddress } from "./http-address.ts";
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
  const url = fields.secretText("url", 'secret("SLACK_URL")');
  const allowPrivateAddresses = fields.isTrue("allowPrivateAddresses");
  if (typeof url === "string" && url !== "") {
    checkHttpAddress(url, allowPrivateAddresses, fields.raw("url").problems);
  }
  return {
    kind: "slack",
    ...readBase("latest"),
    url,
    link: fields.text("link", LINK_EXAMPLE, null),
    everyUs: fields.durationUs("every", "1s"),
    timeoutUs: fields.durationUs("timeout", "10s"),
    allowPrivateAddresses,
  };
};

export const LINK_EXAMPLE = '"https://grafana.example.com/d/pages?page={page}"';
