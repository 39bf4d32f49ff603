/**
 * A whole platform for one test of an example: in this process, in a directory that goes with it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sql } from "../src/core/sql.ts";
import { type Outcome } from "../src/engine/engine.ts";
import { openPlatform, type Platform } from "../src/platform/open-platform.ts";
import { resolveProject } from "../src/plan/resolve.ts";

const MIB = 1024 * 1024;

export interface ExamplePlatform extends AsyncDisposable {
  readonly platform: Platform;
  /** Throws where the body was refused as a whole. */
  ingest(
    dataset: string,
    body: Uint8Array,
    format?: "ndjson" | "csv" | "parquet",
  ): Promise<Extract<Outcome, { kind: "applied" }>>;
  rows(question: Sql): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export async function openExample(project: unknown): Promise<ExamplePlatform> {
  const directory = await mkdtemp(join(tmpdir(), "kurobe-example-"));
  const platform = await openPlatform(resolveProject(project), {
    dataDirectory: directory,
    memoryLimitBytes: 1024 * MIB,
    threads: 2,
    checkpointIntervalMs: 30_000,
    memoryTableBytes: 256 * MIB,
    maxBodyBytes: 64 * MIB,
    maxPendingBytes: 256 * MIB,
    maxLineBytes: MIB,
    logSegmentBytes: 64 * MIB,
    acceptDestructive: false,
  });
  return {
    platform,
    async ingest(dataset, body, format = "ndjson") {
      const outcome = await platform.ingest.accept({
        ...{ dataset, format, body, producer: "", idempotencyKey: "" },
        onInvalid: "dead_letter",
      });
      if (outcome.kind !== "applied") throw new Error(`refused: ${JSON.stringify(outcome.errors)}`);
      return outcome;
    },
    async rows(question) {
      await using connection = await platform.database.connect();
      return await connection.rows(question);
    },
    async [Symbol.asyncDispose]() {
      await platform[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
