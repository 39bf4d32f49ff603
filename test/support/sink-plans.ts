/** Plans of sinks for tests that open a destination by itself. */
import { type ElasticsearchPlan } from "../../src/plan/sinks/elasticsearch.ts";
import { type InfluxdbPlan } from "../../src/plan/sinks/influxdb.ts";
import { type ClickHousePlan } from "../../src/plan/sinks/clickhouse.ts";
import { type PostgresPlan } from "../../src/plan/sinks/postgres.ts";
import { type RedisPlan } from "../../src/plan/sinks/redis.ts";
import { type SinkBase } from "../../src/plan/sinks/sink-base.ts";

const BASE: SinkBase = {
  name: "kept",
  from: "named",
  start: "earliest",
  retry: { firstUs: 5_000, maxUs: 20_000 },
  whenRejected: "block",
  maxBacklog: null,
};

export function clickHousePlan(rest: Partial<ClickHousePlan> = {}): ClickHousePlan {
  return {
    kind: "clickhouse",
    ...BASE,
    url: "",
    schema: null,
    table: "named",
    createTable: true,
    batch: 100,
    timeoutUs: 30_000_000,
    ...rest,
  };
}

export function postgresPlan(rest: Partial<PostgresPlan> = {}): PostgresPlan {
  return {
    kind: "postgres",
    ...BASE,
    url: "",
    schema: null,
    table: "named",
    createTable: true,
    batch: 100,
    timeoutUs: 30_000_000,
    ...rest,
  };
}

export function redisPlan(rest: Partial<RedisPlan> = {}): RedisPlan {
  return {
    kind: "redis",
    ...BASE,
    url: "",
    cluster: false,
    layout: { kind: "hash", prefix: "named:", ttlUs: null },
    batch: 100,
    timeoutUs: 10_000_000,
    ...rest,
  };
}

export function influxdbPlan(rest: Partial<InfluxdbPlan> = {}): InfluxdbPlan {
  return {
    kind: "influxdb",
    ...BASE,
    url: "",
    target: { version: 1, database: "named", retentionPolicy: null },
    token: null,
    user: null,
    password: null,
    measurement: "named",
    tags: null,
    mayOverwrite: false,
    decimals: "float",
    batch: 5000,
    timeoutUs: 30_000_000,
    allowPrivateAddresses: true,
    ...rest,
  };
}

export function elasticsearchPlan(rest: Partial<ElasticsearchPlan> = {}): ElasticsearchPlan {
  return {
    kind: "elasticsearch",
    ...BASE,
    url: "",
    index: "named",
    apiKey: null,
    user: null,
    password: null,
    batch: 1000,
    timeoutUs: 30_000_000,
    allowPrivateAddresses: true,
    ...rest,
  };
}
