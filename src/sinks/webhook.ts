/** Posts deliveries as JSON, signed as Standard Webhooks says. */
import { createHmac } from "node:crypto";
import { type WebhookPlan } from "../plan/sinks/webhook.ts";
import { batchId, bodyOf } from "./delivery.ts";
import { type Destination, type DestinationDeps, httpUrl } from "./destination.ts";
import { checkAnswer, Poster } from "./http-post.ts";

export function openWebhook(plan: WebhookPlan, deps: DestinationDeps): Destination {
  const url = httpUrl(plan, deps);
  const key = plan.secret === null ? null : signingKey(deps.reveal(plan.secret));
  const own = Object.entries(plan.headers).map(
    ([name, value]) => [name.toLowerCase(), deps.reveal(value)] as const,
  );
  const poster = new Poster({
    allowsPrivate: plan.allowPrivateAddresses,
    sockets: plan.concurrency,
  });
  return {
    kind: "rows",
    batchRows: plan.batch,
    lanes: plan.concurrency,
    deliver: async (batch, signal) => {
      const [first] = batch;
      if (first === undefined) return;
      const id = plan.batch === 1 ? first.id : batchId(batch);
      const body = JSON.stringify(
        plan.batch === 1 ? bodyOf(first) : { id, deliveries: batch.map(bodyOf) },
      );
      const nowMs = deps.nowMs();
      const headers = {
        "content-type": "application/json",
        "user-agent": "kurobe",
        ...Object.fromEntries(own),
        "idempotency-key": id,
        ...signed(key, id, nowMs, body),
      };
      const timeoutMs = plan.timeoutUs / 1000;
      const answer = await poster.post({ url, headers, body, timeoutMs, signal });
      checkAnswer(url, answer, deps.nowMs());
    },
    [Symbol.asyncDispose]: () => {
      poster[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

function signingKey(secret: string): Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
}

/** `webhook-signature` is HMAC-SHA256 over `id.timestamp.body`, in base64. */
export function signed(
  key: Buffer | null,
  id: string,
  nowMs: number,
  body: string,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (key === null) return headers;
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { ...headers, "webhook-signature": `v1,${hmac}` };
}
