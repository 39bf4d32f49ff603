/**
 * YCSB's core workloads: records are hashes of ten fields of 100 bytes, asked for by Zipf with
 * 0.99. Scans read members of a sorted set, which the benchmark's own binding for Redis keeps, too.
 */
import { type Distribution } from "./distribution.ts";
import { EXPECTATIONS, missesOf } from "./operation-table.ts";
import { type Keyspace, type Operation, type Workload } from "./workload.ts";

export const YCSB_WORKLOADS = ["a", "b", "c", "d", "e", "f"] as const;
export type YcsbWorkload = (typeof YCSB_WORKLOADS)[number];

const FIELDS = 10;
const FIELD_BYTES = 100;
/** A scan's members come out of one index of this size: a cluster keeps it on one node. */
const SCAN_MEMBERS = 100;

const UNIFORM = { kind: "uniform" } as const;
const ZIPFIAN = { kind: "zipfian", theta: 0.99 } as const;

/** Weights of read, update, insert, scan and read-modify-write. */
const MIXES: Readonly<Record<YcsbWorkload, readonly [number, number, number, number, number]>> = {
  a: [50, 50, 0, 0, 0],
  b: [95, 5, 0, 0, 0],
  c: [100, 0, 0, 0, 0],
  d: [95, 0, 5, 0, 0],
  e: [0, 0, 5, 95, 0],
  f: [50, 0, 0, 0, 50],
};

export function ycsbWorkload(letter: YcsbWorkload, keyCount: number, prefix: string): Workload {
  const [read, update, insert, scan, modify] = MIXES[letter];
  const distribution: Distribution = letter === "d" ? { kind: "latest", theta: 0.99 } : ZIPFIAN;
  const records: Keyspace = {
    name: "usertable",
    keyCount,
    distribution,
    value: { kind: "fixed", bytes: FIELD_BYTES },
    memberCount: FIELDS,
    memberDistribution: UNIFORM,
    hitRatio: 1,
    fill: [["HSET", "{key}", `{fields:${FIELDS}}`]],
  };
  const index: Keyspace = {
    ...records,
    name: "index",
    keyCount: Math.max(1, Math.ceil(keyCount / SCAN_MEMBERS)),
    memberCount: SCAN_MEMBERS,
    fill: [["ZADD", "{key}", `{scored:${SCAN_MEMBERS}}`]],
  };
  const operation = (
    name: string,
    weight: number,
    step: readonly string[],
    over: Partial<Operation> = {},
  ): Operation => ({
    name,
    keyspace: "usertable",
    weight,
    steps: [step],
    expect: EXPECTATIONS.integer,
    missOn: 0,
    ...over,
  });
  const reading = { expect: EXPECTATIONS.list, missOn: missesOf("list") };
  const all: readonly Operation[] = [
    operation("READ", read, ["HGETALL", "{key}"], reading),
    operation("UPDATE", update, ["HSET", "{key}", "{member}", "{value}"]),
    operation("INSERT", insert, ["HSET", "{newkey}", `{fields:${FIELDS}}`]),
    operation("SCAN", scan, ["ZRANGE", "{key}", "0", "{rand:100}"], {
      ...reading,
      keyspace: "index",
    }),
    operation("READ-MODIFY", modify, ["HGETALL", "{key}"], { ...reading, then: "WRITE-BACK" }),
    // Not chosen by itself: it follows each READ-MODIFY, once the record is there.
    operation("WRITE-BACK", 0, ["HSET", "{samekey}", "{member}", "{value}"]),
  ];
  const used = all.filter(
    ({ weight, name }) => weight > 0 || (modify > 0 && name === "WRITE-BACK"),
  );
  return {
    name: `ycsb-${letter}`,
    prefix,
    keyspaces: scan > 0 ? [records, index] : [records],
    operations: used,
    setup: [],
  };
}
