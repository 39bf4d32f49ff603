/**
 * The data-structure workload. One table holds every operation: a row is what to add for another
 * one.
 */
import { createHash } from "node:crypto";
import { KurobeError } from "../../core/errors.ts";
import { type Distribution } from "./distribution.ts";
import { type Expectation, EXPECTATIONS, missesOf } from "./operation-table.ts";
import { type ValueSize } from "./value-size.ts";
import { type Keyspace, type Operation, type Workload } from "./workload.ts";

export const STRUCTURES = [
  "list",
  "hash",
  "set",
  "zset",
  "stream",
  "bitmap",
  "hyperloglog",
  "geo",
  "transaction",
  "script",
] as const;
export type Structure = (typeof STRUCTURES)[number];

interface Row {
  readonly name: string;
  /** Several commands are a transaction or a pair that keeps the size: they count as one. */
  readonly steps: readonly (readonly string[])[];
  readonly expect: Expectation;
  readonly looks?: boolean;
}

const row = (
  name: string,
  expect: Row["expect"],
  line: string,
  options: { readonly looks?: boolean } = {},
): Row => ({ name, steps: line.split(" | ").map((step) => step.split(" ")), expect, ...options });

const LOOKS = { looks: true } as const;

/** What a script does in practice: a counter with a limit, in one round trip. */
const SCRIPT =
  "local count = redis.call('INCR', KEYS[1]) " +
  "if count > tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 0) return 0 end return count";
const SCRIPT_HASH = createHash("sha1").update(SCRIPT).digest("hex");

/** A push is followed by a pop, so that structures keep the size that they are measured at. */
const TABLE: Readonly<Record<Structure, readonly Row[]>> = {
  list: [
    row("LPUSH+RPOP", "value", "LPUSH {key} {value} | RPOP {samekey}"),
    row("RPUSH+LPOP", "value", "RPUSH {key} {value} | LPOP {samekey}"),
    row("LRANGE 0 9", "list", "LRANGE {key} 0 9", LOOKS),
    row("LINDEX", "value", "LINDEX {key} {rand:10}", LOOKS),
    row("LSET", "ok", "LSET {key} 0 {value}"),
    row("LLEN", "integer", "LLEN {key}"),
  ],
  hash: [
    row("HGET", "value", "HGET {key} {member}", LOOKS),
    row("HSET", "integer", "HSET {key} {member} {value}"),
    row("HMGET 5", "values", "HMGET {key} {members:5}", LOOKS),
    row("HGETALL", "list", "HGETALL {key}", LOOKS),
    row("HINCRBY", "integer", "HINCRBY {key} count 1"),
    row("HEXISTS", "integer", "HEXISTS {key} {member}"),
    row("HDEL+HSET", "integer", "HDEL {key} {member} | HSET {samekey} {samemember} {value}"),
  ],
  set: [
    row("SISMEMBER", "integer", "SISMEMBER {key} {member}"),
    row("SADD", "integer", "SADD {key} {member}"),
    row("SREM+SADD", "integer", "SREM {key} {member} | SADD {samekey} {samemember}"),
    row("SCARD", "integer", "SCARD {key}"),
    row("SRANDMEMBER", "value", "SRANDMEMBER {key}", LOOKS),
    row("SINTER", "list", "SINTER {key} {key}"),
    row("SINTERCARD", "integer", "SINTERCARD 2 {key} {key} LIMIT 100"),
    row("SMEMBERS", "list", "SMEMBERS {key}", LOOKS),
  ],
  zset: [
    row("ZADD", "integer", "ZADD {key} {score} {member}"),
    row("ZINCRBY", "number", "ZINCRBY {key} 1 {member}"),
    row("ZSCORE", "any", "ZSCORE {key} {member}", LOOKS),
    row("ZRANK", "any", "ZRANK {key} {member}", LOOKS),
    row("ZRANGE 0 9", "list", "ZRANGE {key} 0 9 WITHSCORES", LOOKS),
    row("ZRANGEBYSCORE", "list", "ZRANGEBYSCORE {key} {score} +inf LIMIT 0 10"),
    row("ZCOUNT", "integer", "ZCOUNT {key} {score} +inf"),
    row("ZREVRANGE 0 9", "list", "ZREVRANGE {key} 0 9 WITHSCORES", LOOKS),
    row("ZREM+ZADD", "integer", "ZREM {key} {member} | ZADD {samekey} {score} {samemember}"),
    row("ZCARD", "integer", "ZCARD {key}"),
  ],
  stream: [
    row("XADD", "text", "XADD {key} MAXLEN ~ {size} * field {value}"),
    row("XRANGE 10", "list", "XRANGE {key} - + COUNT 10", LOOKS),
    row("XREVRANGE 10", "list", "XREVRANGE {key} + - COUNT 10", LOOKS),
    row("XREAD 10", "list or null", "XREAD COUNT 10 STREAMS {key} 0", LOOKS),
    row(
      "XADD+XREADGROUP",
      "list or null",
      "XADD {key} MAXLEN ~ {size} * field {value} | XREADGROUP GROUP readers one COUNT 1 NOACK STREAMS {samekey} >",
    ),
    row("XLEN", "integer", "XLEN {key}"),
  ],
  bitmap: [
    row("SETBIT", "integer", "SETBIT {key} {rand:size} 1"),
    row("GETBIT", "integer", "GETBIT {key} {rand:size}"),
    row("BITCOUNT", "integer", "BITCOUNT {key}"),
    row("BITPOS", "integer", "BITPOS {key} 1"),
    row("BITFIELD", "list", "BITFIELD {key} INCRBY u1 {rand:size} 1"),
  ],
  hyperloglog: [
    row("PFADD", "integer", "PFADD {key} {member}"),
    row("PFCOUNT", "integer", "PFCOUNT {key}"),
    row("PFCOUNT 2", "integer", "PFCOUNT {key} {key}"),
  ],
  geo: [
    row("GEOADD", "integer", "GEOADD {key} 0.{rand:999999} 0.{rand:999999} {member}"),
    row("GEODIST", "any", "GEODIST {key} {member} {member} m", LOOKS),
    row("GEOPOS", "values", "GEOPOS {key} {member}", LOOKS),
    row("GEOSEARCH 10", "list", "GEOSEARCH {key} FROMLONLAT 0.5 0.5 BYRADIUS 20 km ASC COUNT 10"),
  ],
  transaction: [
    row("MULTI INCR EXPIRE EXEC", "list", "MULTI | INCR {key} | EXPIRE {samekey} 3600 | EXEC"),
    row("MULTI SET GET EXEC", "list", "MULTI | SET {key} 1 | GET {samekey} | EXEC"),
  ],
  script: [row("EVALSHA", "integer", `EVALSHA ${SCRIPT_HASH} 1 {key} 1000000`)],
};

/** Elements that one command of the fill adds. */
const FILL_STEP = 500;

export interface StructureOptions {
  readonly structure: Structure;
  readonly size: number;
  readonly keyCount: number;
  readonly distribution: Distribution;
  readonly value: ValueSize;
  readonly prefix: string;
  /** Names out of the table; all of them where it is empty. */
  readonly only: readonly string[];
}

export function operationsOf(structure: Structure): readonly string[] {
  return TABLE[structure].map(({ name }) => name);
}

/** All operations of a structure with equal weights, on structures of one size. */
export function structureWorkload(options: StructureOptions): Workload {
  const { structure, size, only, prefix } = options;
  const rows = TABLE[structure].filter(({ name }) => only.length === 0 || only.includes(name));
  if (rows.length === 0) {
    throw new KurobeError(
      "KRB_BENCH_WORKLOAD",
      `${structure} has no operation ${only.join(", ")}`,
      { hint: `It has ${operationsOf(structure).join(", ")}.` },
    );
  }
  const keyspace: Keyspace = {
    name: structure,
    keyCount: options.keyCount,
    distribution: options.distribution,
    value: options.value,
    memberCount: size,
    memberDistribution: { kind: "uniform" },
    hitRatio: 1,
    fill: fillOf(structure, size),
  };
  return {
    name: `${structure}-${size}`,
    prefix,
    keyspaces: [keyspace],
    operations: rows.map((each) => operationOf(each, structure, size)),
    setup: structure === "script" ? [["SCRIPT", "LOAD", SCRIPT]] : [],
  };
}

function operationOf(each: Row, structure: Structure, size: number): Operation {
  const sized = (arg: string): string =>
    arg.replace("{size}", String(size)).replace("{rand:size}", `{rand:${size}}`);
  return {
    name: each.name,
    keyspace: structure,
    weight: 1,
    steps: each.steps.map((step) => step.map(sized)),
    expect: EXPECTATIONS[each.expect],
    missOn: each.looks === true ? missesOf(each.expect) : 0,
  };
}

function fillOf(structure: Structure, size: number): readonly (readonly string[])[] {
  const steps = (line: (count: number) => string): readonly (readonly string[])[] => {
    const counts = Array.from({ length: Math.ceil(size / FILL_STEP) }, (_, index) =>
      Math.min(FILL_STEP, size - index * FILL_STEP),
    );
    return counts.map((count) => line(count).split(" "));
  };
  switch (structure) {
    case "list":
      return steps((count) => `RPUSH {key} {values:${count}}`);
    case "hash":
      return steps((count) => `HSET {key} {fields:${count}}`);
    case "set":
      return steps((count) => `SADD {key} {newmembers:${count}}`);
    case "zset":
      return steps((count) => `ZADD {key} {scored:${count}}`);
    case "hyperloglog":
      return steps((count) => `PFADD {key} {newmembers:${count}}`);
    case "bitmap":
      return [["SETBIT", "{key}", String(size - 1), "1"]];
    case "transaction":
    case "script":
      return [["SET", "{key}", "0"]];
    // One command adds one entry; a thousand of them make a stream.
    case "stream":
      return [
        ...Array.from({ length: size }, () => ["XADD", "{key}", "*", "field", "{value}"]),
        ["XGROUP", "CREATE", "{key}", "readers", "$"],
      ];
    case "geo":
      return Array.from({ length: size }, () => [
        ...["GEOADD", "{key}", "0.{rand:999999}", "0.{rand:999999}", "{newmember}"],
      ]);
  }
}
