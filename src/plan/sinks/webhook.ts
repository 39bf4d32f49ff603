/** A sink that posts JSON. */
import { httpAddress } from "./http-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

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

const MAX_BATCH = 10_000;
const MAX_LANES = 64;

export const resolveWebhook: ResolveSink<WebhookPlan> = (readBase, fields) => {
  const address = httpAddress(fields, '"https://example.com/hook"');
  return {
    kind: "webhook",
    ...readBase("latest"),
    ...address,
    secret: fields.secretTextOrNull("secret", 'secret("HOOK_SECRET")'),
    headers: fields.secretTexts("headers"),
    timeoutUs: fields.durationUs("timeout", "10s"),
    batch: fields.count("batch", 1, { from: 1, to: MAX_BATCH }),
    concurrency: fields.count("concurrency", 4, { from: 1, to: MAX_LANES }),
  };
};
