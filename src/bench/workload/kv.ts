/** The key/value workload: how much of each command, on which keys, with which values. */
import { KurobeError } from "../../core/errors.ts";
import { type Distribution } from "./distribution.ts";
import { EXPECTATIONS, missesOf } from "./operation-table.ts";
import { type ValueSize } from "./value-size.ts";
import { type Operation, type Workload } from "./workload.ts";

export interface KvOptions {
  /** Weights by operation, of `KV_OPERATIONS`. */
  readonly mix: Readonly<Record<string, number>>;
  readonly keyCount: number;
  readonly distribution: Distribution;
  readonly value: ValueSize;
  readonly hitRatio: number;
  /** Seconds that values live; 0 for ever. */
  readonly ttlSeconds: number;
  /** Keys in one MGET or MSET. */
  readonly batch: number;
  readonly prefix: string;
}

export const KV_OPERATIONS = ["get", "set", "mget", "mset", "incr", "expire", "del"] as const;
export type KvOperation = (typeof KV_OPERATIONS)[number];

export function kvWorkload(options: KvOptions): Workload {
  const ttl = options.ttlSeconds > 0 ? ["EX", String(options.ttlSeconds)] : [];
  const shared = {
    keyCount: options.keyCount,
    distribution: options.distribution,
    value: options.value,
    memberCount: 1,
    memberDistribution: { kind: "uniform" },
    hitRatio: options.hitRatio,
  } as const;
  const operations = Object.entries(options.mix)
    .filter(([, weight]) => weight > 0)
    .map(([name, weight]) => kvOperation(name, weight, options, ttl));
  const hasCounters = operations.some(({ keyspace }) => keyspace === "counter");
  return {
    name: "kv",
    prefix: options.prefix,
    keyspaces: [
      { name: "", ...shared, fill: [["SET", "{key}", "{value}", ...ttl]] },
      // INCR of a text is an error, and a counter has no value size.
      ...(hasCounters ? [{ name: "counter", ...shared, fill: [["SET", "{key}", "0"]] }] : []),
    ],
    operations,
    setup: [],
  };
}

function kvOperation(
  name: string,
  weight: number,
  { batch }: KvOptions,
  ttl: readonly string[],
): Operation {
  const make = (args: readonly string[], expect: number, missOn = 0, keyspace = ""): Operation => ({
    name: args[0] ?? name,
    keyspace,
    weight,
    steps: [args],
    expect,
    missOn,
  });
  switch (name as KvOperation) {
    case "get":
      return make(["GET", "{lookup}"], EXPECTATIONS.value, missesOf("value"));
    case "set":
      return make(["SET", "{key}", "{value}", ...ttl], EXPECTATIONS.ok);
    case "mget":
      return make(["MGET", `{lookups:${batch}}`], EXPECTATIONS.values, missesOf("values"));
    case "mset":
      return make(["MSET", `{pairs:${batch}}`], EXPECTATIONS.ok);
    case "incr":
      return make(["INCR", "{key}"], EXPECTATIONS.integer, 0, "counter");
    case "expire":
      return make(["EXPIRE", "{key}", "3600"], EXPECTATIONS.integer);
    case "del":
      return make(["DEL", "{key}"], EXPECTATIONS.integer);
    default:
      throw new KurobeError("KRB_BENCH_WORKLOAD", `${name} is no operation of the kv workload`, {
        hint: `It has ${KV_OPERATIONS.join(", ")}.`,
      });
  }
}
