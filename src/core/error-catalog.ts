/** Every error that Kurobe can raise: one row a code, one file a room. */
import { BENCH_ERRORS } from "./error-catalog/bench.ts";
import { ALERTS_ERRORS } from "./error-catalog/alerts.ts";
import { CLI_ERRORS } from "./error-catalog/cli.ts";
import { CORE_ERRORS } from "./error-catalog/core.ts";
import { DUCKDB_ERRORS } from "./error-catalog/duckdb.ts";
import { ENGINE_ERRORS } from "./error-catalog/engine.ts";
import { type ErrorEntry } from "./error-catalog/entry.ts";
import { INGEST_ERRORS } from "./error-catalog/ingest.ts";
import { LOG_ERRORS } from "./error-catalog/log.ts";
import { PLATFORM_ERRORS } from "./error-catalog/platform.ts";
import { PROJECT_ERRORS } from "./error-catalog/project.ts";
import { QUERY_ERRORS } from "./error-catalog/query.ts";
import { SERVE_ERRORS } from "./error-catalog/serve.ts";
import { SINKS_ERRORS } from "./error-catalog/sinks.ts";
import { SOURCES_ERRORS } from "./error-catalog/sources.ts";
import { STORAGE_ERRORS } from "./error-catalog/storage.ts";
import { WINDOWS_ERRORS } from "./error-catalog/windows.ts";

export const ERROR_CATALOG = {
  ...CORE_ERRORS,
  ...PROJECT_ERRORS,
  ...LOG_ERRORS,
  ...DUCKDB_ERRORS,
  ...STORAGE_ERRORS,
  ...WINDOWS_ERRORS,
  ...ENGINE_ERRORS,
  ...INGEST_ERRORS,
  ...SOURCES_ERRORS,
  ...QUERY_ERRORS,
  ...ALERTS_ERRORS,
  ...SINKS_ERRORS,
  ...SERVE_ERRORS,
  ...PLATFORM_ERRORS,
  ...BENCH_ERRORS,
  ...CLI_ERRORS,
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOG;
