/** Checks one sink and fills in its defaults. */
import { isBranded } from "../project/brand.ts";
import { Fields } from "./fields.ts";
import { checkRelationName, nameHint } from "./names.ts";
import { type Problems, show } from "./problem.ts";
import { isRecord } from "./resolve-dataset.ts";
import { type SinkPlan } from "./sink-plan.ts";
import { resolveClickHouse } from "./sinks/clickhouse.ts";
import { resolveElasticsearch } from "./sinks/elasticsearch.ts";
import { resolveEmail } from "./sinks/email.ts";
import { resolveFile } from "./sinks/file.ts";
import { resolveInfluxdb } from "./sinks/influxdb.ts";
import { resolvePostgres } from "./sinks/postgres.ts";
import { resolveRedis } from "./sinks/redis.ts";
import { type ResolveSink, type SinkBase } from "./sinks/sink-base.ts";
import { resolveSlack } from "./sinks/slack.ts";
import { resolveWebhook } from "./sinks/webhook.ts";

/** What a sink may deliver: relations by name, and the declared values by identity. */
export interface Delivered {
  /** Datasets, streams, windows and alerts. */
  readonly names: readonly string[];
  /** Those of them that have dead letters and late rows. */
  readonly datasets: readonly string[];
  /** Those of them that have late rows alone. */
  readonly streams: readonly string[];
  readonly nameOf: (declared: unknown) => string | undefined;
}

/** One file a kind. */
const KINDS: { readonly [K in SinkPlan["kind"]]: ResolveSink<Extract<SinkPlan, { kind: K }>> } = {
  clickhouse: resolveClickHouse,
  elasticsearch: resolveElasticsearch,
  email: resolveEmail,
  file: resolveFile,
  influxdb: resolveInfluxdb,
  postgres: resolvePostgres,
  slack: resolveSlack,
  redis: resolveRedis,
  webhook: resolveWebhook,
};

export function resolveSink(
  name: string,
  value: unknown,
  delivered: Delivered,
  problems: Problems,
): SinkPlan | undefined {
  const declared = isBranded(value, "sink") ? (value as { kind?: string; spec?: unknown }) : {};
  const resolve = Object.entries(KINDS).find(([kind]) => kind === declared.kind)?.[1];
  if (!isRecord(declared.spec) || resolve === undefined) {
    return problems.add(show(value), "a sink", 'webhook({ from: "bars", url: "https://…" })');
  }
  checkRelationName(name, problems);
  const fields = new Fields(declared.spec, problems);
  const from = resolveFrom(fields, delivered);
  const plan = resolve((start) => basePlan(name, from, start, fields), fields);
  fields.end();
  return plan;
}

function basePlan(name: string, from: string, start: SinkBase["start"], fields: Fields): SinkBase {
  const retry = fields.section("retry");
  const base = {
    name,
    from,
    start: fields.choice("start", ["earliest", "latest"], start),
    retry: { firstUs: retry.durationUs("first", "1s"), maxUs: retry.durationUs("max", "5m") },
    whenRejected: fields.choice("whenRejected", ["block", "skip"], "block"),
    maxBacklog: fields.countOrNull("maxBacklog", { from: 1, to: Number.MAX_SAFE_INTEGER }),
  };
  retry.end();
  return base;
}

function resolveFrom(fields: Fields, delivered: Delivered): string {
  const { value, problems } = fields.raw("from");
  const name = typeof value === "string" ? value : delivered.nameOf(value);
  const { datasets, streams } = delivered;
  const sides = [
    ...datasets.map((one) => `${one}.dead_letters`),
    ...[...datasets, ...streams].map((one) => `${one}.late_rows`),
  ];
  if (name !== undefined && [...delivered.names, ...sides].includes(name)) return name;
  problems.add(
    typeof value === "object" && name === undefined
      ? "what the project does not list"
      : show(value),
    "a dataset, a stream or a window of this project",
    nameHint(value, delivered.names),
  );
  return "";
}
