/** What a project file imports. */
export {
  approxCountDistinct,
  approxQuantile,
  avg,
  count,
  countDistinct,
  first,
  last,
  max,
  median,
  min,
  quantile,
  sum,
  top,
  type Aggregate,
  type Measure,
} from "./project/aggregate.ts";
export {
  absent,
  alert,
  change,
  mad,
  threshold,
  zscore,
  type AlertDefinition,
  type AlertSpec,
  type Condition,
} from "./project/alert.ts";
export { column, type Column, type JsonValue, type TimestampOptions } from "./project/column.ts";
export {
  dataset,
  type DatasetDefinition,
  type DatasetSpec,
  type Duration,
} from "./project/dataset.ts";
export { coalesce, col, when, type CastTarget, type Expression } from "./project/expression.ts";
export { type TimePart, type TimeUnit } from "./project/expression.ts";
export { defineProject, type ProjectDefinition, type ProjectSpec } from "./project/project.ts";
export { files, type FilesSpec, type SourceDefinition } from "./project/source.ts";
export { type NewRow, type Row } from "./project/row.ts";
export { secret, type Secret, type SecretText, type SinkDefinition } from "./project/sink.ts";
export { clickhouse, type ClickHouseSpec } from "./project/sink-clickhouse.ts";
export { elasticsearch, type ElasticsearchSpec } from "./project/sink-elasticsearch.ts";
export { email, type EmailSpec } from "./project/sink-email.ts";
export { file, type FileSpec } from "./project/sink-file.ts";
export { influxdb, type InfluxdbSpec } from "./project/sink-influxdb.ts";
export { postgres, type PostgresSpec } from "./project/sink-postgres.ts";
export { slack, type SlackSpec } from "./project/sink-slack.ts";
export { redis, type RedisSpec } from "./project/sink-redis.ts";
export { webhook, type WebhookSpec } from "./project/sink-webhook.ts";
export {
  lookup,
  stream,
  within,
  type JoinDefinition,
  type LookupSpec,
  type StreamDefinition,
  type StreamSpec,
  type WithinSpec,
} from "./project/stream.ts";
export {
  hopping,
  session,
  tumbling,
  type HoppingSpec,
  type SessionSpec,
  type TumblingSpec,
  type WindowDefinition,
} from "./project/window.ts";
export { isKurobeError, KurobeError } from "./core/errors.ts";
export { type ErrorCode } from "./core/error-catalog.ts";
export { defineWorkload, type WorkloadSpec } from "./bench/workload/workload-spec.ts";
