/** Sinks as the machine runs them: checked, defaulted, plain JSON, without their secrets. */
import { type ClickHousePlan } from "./sinks/clickhouse.ts";
import { type ElasticsearchPlan } from "./sinks/elasticsearch.ts";
import { type EmailPlan } from "./sinks/email.ts";
import { type FilePlan } from "./sinks/file.ts";
import { type InfluxdbPlan } from "./sinks/influxdb.ts";
import { type PostgresPlan } from "./sinks/postgres.ts";
import { type RedisPlan } from "./sinks/redis.ts";
import { type SlackPlan } from "./sinks/slack.ts";
import { type WebhookPlan } from "./sinks/webhook.ts";

export type SinkPlan =
  | ClickHousePlan
  | ElasticsearchPlan
  | EmailPlan
  | FilePlan
  | InfluxdbPlan
  | PostgresPlan
  | RedisPlan
  | SlackPlan
  | WebhookPlan;
