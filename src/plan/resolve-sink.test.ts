import { describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import {
  clickhouse,
  column,
  dataset,
  defineProject,
  postgres,
  redis,
  type RedisSpec,
  secret,
  type SinkDefinition,
} from "../index.ts";
import { type SinkPlan } from "./plan.ts";
import { type Problem } from "./problem.ts";
import { resolveProject } from "./resolve.ts";

const ticks = dataset({
  columns: { time: column.timestamp(), price: column.decimal(12, 4) },
  eventTime: "time",
});

const projectWith = (sink: SinkDefinition): unknown =>
  defineProject({ name: "p", datasets: { ticks }, sinks: { out: sink } });

function planOf(sink: SinkDefinition): SinkPlan | undefined {
  return resolveProject(projectWith(sink)).sinks[0];
}

/** Path and finding of each problem. */
function problems(sink: SinkDefinition): readonly string[] {
  try {
    resolveProject(projectWith(sink));
  } catch (error) {
    if (!isKurobeError(error, "KRB_PROJECT_INVALID")) throw error;
    const found = error.details["problems"] as readonly Problem[];
    return found.map((one) => `${one.path}: ${one.found}`);
  }
  return [];
}

const URL = "postgres://writer@db.example.com/analytics";

describe("a sink of PostgreSQL", () => {
  it("has defaults", () => {
    expect(planOf(postgres({ from: "ticks.late_rows", url: URL }))).toMatchObject({
      kind: "postgres",
      start: "earliest",
      schema: null,
      table: "ticks_late_rows",
      createTable: false,
      batch: 2000,
      timeoutUs: 30_000_000,
    });
    const named = postgres({ from: ticks, url: secret("DB_URL"), table: "a.b" });
    expect(planOf(named)).toMatchObject({ schema: "a", table: "b", url: { secret: "DB_URL" } });
  });

  it.each([
    [{ url: "mysql://db/x" }, 'sinks.out.url: "mysql://db/x"'],
    [{ url: "postgres://u:p@db/x" }, "sinks.out.url: an address with a password"],
    [{ url: "postgres://u@db/x?password=p" }, "sinks.out.url: an address with a password"],
    [{ table: "a.b.c" }, 'sinks.out.table: "a.b.c"'],
    [{ table: "a." }, 'sinks.out.table: "a."'],
    [{ batch: 0 }, "sinks.out.batch: 0"],
    [{ tabel: "x" }, "sinks.out.tabel: an unknown key"],
  ])("does not take %j", (wrong, problem) => {
    expect(problems(postgres({ from: ticks, url: URL, ...wrong }))).toEqual([problem]);
  });
});

describe("a sink of ClickHouse", () => {
  const url = "https://writer@clickhouse.example.com:8443/analytics";

  it("has defaults", () => {
    expect(planOf(clickhouse({ from: ticks, url, table: "a.b" }))).toMatchObject({
      ...{ kind: "clickhouse", start: "earliest", schema: "a", table: "b", batch: 5000 },
    });
  });

  it.each([
    [{ url: "clickhouse://db/x" }, 'sinks.out.url: "clickhouse://db/x"'],
    [{ url: "https://u:p@db/x" }, "sinks.out.url: an address with a password"],
    [{ table: "a.b.c" }, 'sinks.out.table: "a.b.c"'],
    [{ engine: "MergeTree" }, "sinks.out.engine: an unknown key"],
  ])("does not take %j", (wrong, problem) => {
    expect(problems(clickhouse({ from: ticks, url, ...wrong }))).toEqual([problem]);
  });
});

describe("a sink of Redis", () => {
  const url = "redis://cache.example.com:6379/0";
  const layoutOf = (spec: Partial<RedisSpec>): unknown => {
    const plan = planOf(redis({ from: ticks, url, ...spec } as RedisSpec));
    return plan?.kind === "redis" ? { start: plan.start, layout: plan.layout } : plan;
  };

  it("has the defaults of its layout", () => {
    expect(layoutOf({})).toEqual({
      start: "earliest",
      layout: { kind: "hash", prefix: "ticks:", ttlUs: null },
    });
    expect(layoutOf({ keep: "sortedSet", score: "price", ttl: "1h" })).toEqual({
      start: "earliest",
      layout: { kind: "sortedSet", prefix: "ticks", score: "price", per: [], ttlUs: 3_600_000_000 },
    });
    expect(layoutOf({ keep: "channel" })).toEqual({
      start: "latest",
      layout: { kind: "channel", channel: "ticks" },
    });
  });

  it.each([
    [{ url: "http://cache/0" }, 'sinks.out.url: "http://cache/0"'],
    [{ url: "rediss://u:p@cache" }, "sinks.out.url: an address with a password"],
    [{ keep: "list" }, 'sinks.out.keep: "list"'],
    [{ keep: "sortedSet" }, "sinks.out.score: nothing"],
    [{ keep: "channel", ttl: "1h" }, "sinks.out.ttl: an unknown key"],
    [{ score: "price" }, "sinks.out.score: an unknown key"],
    [{ ttl: "0s" }, 'sinks.out.ttl: "0s"'],
  ])("does not take %j", (wrong, problem) => {
    expect(problems(redis({ from: ticks, url, ...wrong } as RedisSpec))).toEqual([problem]);
  });
});
