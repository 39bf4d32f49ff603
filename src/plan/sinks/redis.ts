/** A sink that keeps rows in Redis or Valkey, or publishes them. */
import { type Fields } from "../fields.ts";
import { databaseAddress } from "./database-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

export interface RedisPlan extends SinkBase {
  readonly kind: "redis";
  readonly url: SecretTextPlan;
  readonly cluster: boolean;
  readonly layout: RedisLayout;
  readonly batch: number;
  readonly timeoutUs: number;
}

export type RedisLayout =
  | { readonly kind: "hash"; readonly prefix: string; readonly ttlUs: number | null }
  | {
      readonly kind: "sortedSet";
      readonly prefix: string;
      readonly ttlUs: number | null;
      readonly score: string;
      readonly per: readonly string[];
    }
  | { readonly kind: "channel"; readonly channel: string };

const MAX_BATCH = 20_000;

export const resolveRedis: ResolveSink<RedisPlan> = (readBase, fields) => {
  const keep = fields.choice("keep", ["hash", "sortedSet", "channel"], "hash");
  const base = readBase(keep === "channel" ? "latest" : "earliest");
  return {
    kind: "redis",
    ...base,
    url: databaseAddress(fields, {
      protocols: ["redis:", "rediss:", "valkey:", "valkeys:"],
      example: "redis://cache.example.com:6379/0",
    }),
    cluster: fields.isTrue("cluster"),
    layout: layoutOf(keep, base.from, fields),
    batch: fields.count("batch", 1000, { from: 1, to: MAX_BATCH }),
    timeoutUs: fields.durationUs("timeout", "10s"),
  };
};

function layoutOf(kind: RedisLayout["kind"], from: string, fields: Fields): RedisLayout {
  if (kind === "channel") return { kind, channel: fields.text("channel", '"bars"', from) };
  const prefix = fields.text("prefix", '"bars:"', kind === "hash" ? `${from}:` : from);
  const ttlUs = fields.raw("ttl").value === undefined ? null : fields.durationUs("ttl", "1h");
  if (kind === "hash") return { kind, prefix, ttlUs };
  const per = fields.raw("per").value === undefined ? [] : fields.texts("per", '["window_start"]');
  return { kind, prefix, ttlUs, score: fields.text("score", '"n"'), per };
}
