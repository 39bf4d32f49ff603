/** The limit of a query over a stream: the same answer by bare DuckDB, once, over all events. */
import { DuckDBInstance } from "@duckdb/node-api";
import { serveParent } from "../child.ts";
import { digestSql, measured, type QueryName } from "../nexmark/batch.ts";
import { KINDS, type NexmarkBody } from "../nexmark/bodies.ts";
import { SIDE_INPUT_SQL } from "../nexmark/side-input.ts";

export interface DuckdbNexmark {
  readonly query: QueryName;
  /** Without those that only close windows. */
  readonly bodies: readonly NexmarkBody[];
}

export interface DuckdbNexmarkDone {
  readonly elapsedMs: number;
  readonly digest: readonly string[];
}

serveParent<DuckdbNexmark, DuckdbNexmarkDone>(async ({ query, bodies }) => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (const kind of KINDS) {
    const files = bodies.filter((body) => body.kind === kind).map(({ file }) => quoted(file));
    const rows = `read_parquet([${files.join(", ")}], file_row_number = true)`;
    await connection.run(
      `CREATE VIEW ${kind} AS SELECT * RENAME (file_row_number AS place) FROM ${rows}`,
    );
  }
  await connection.run(SIDE_INPUT_SQL);
  return async () => {
    const startedMs = performance.now();
    await connection.run(`CREATE TABLE ${query} AS ${measured(query).sql}`);
    const elapsedMs = performance.now() - startedMs;
    const answer = await connection.runAndReadAll(digestSql(query, "duckdb"));
    return { elapsedMs, digest: (answer.getRows()[0] ?? []).map(String) };
  };
});

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
