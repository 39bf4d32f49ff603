/** Writes rows that a checkpoint holds into files, as a sink of files wants them. */
import { join } from "node:path";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Table } from "./table.ts";

export interface ExportOptions {
  /** Whose files these are: one caller has one export at a time. */
  readonly label: string;
  readonly afterSeq: number;
  readonly format: "ndjson" | "csv" | "parquet";
  /** One file for each day or hour of event time, or one for all. */
  readonly partition: "none" | "day" | "hour";
}

export interface Exported {
  /**
   * The rows are those after `afterSeq` up to this one: the same ones whenever it is asked again.
   */
  readonly throughSeq: number;
  readonly rows: number;
  readonly files: readonly ExportedFile[];
}

export interface ExportedFile {
  /** `2026-01-31` or `2026-01-31T07`; empty where there are no partitions. */
  readonly partition: string;
  /** Absolute. */
  readonly path: string;
}

const PARTITIONS = { day: "%Y-%m-%d", hour: "%Y-%m-%dT%H" } as const;
const FORMATS = {
  ndjson: sql`(FORMAT json)`,
  csv: sql`(FORMAT csv, HEADER true)`,
  parquet: sql`(FORMAT parquet, COMPRESSION zstd)`,
} as const;

export async function exportSettled(
  connection: Connection,
  table: Table,
  staging: string,
  { label, afterSeq, format, partition }: ExportOptions,
): Promise<Exported | null> {
  const throughSeq = table.memoryFromSeq - 1;
  if (throughSeq <= afterSeq) return null;
  const settled = table.settled({ afterSeq, throughSeq });
  if (settled === null) return { throughSeq, rows: 0, files: [] };
  const at = sql.id(table.stored.plan.eventTime);
  const name =
    partition === "none" ? sql`''` : sql`strftime(${at}, ${sql.literal(PARTITIONS[partition])})`;
  const found = await connection.rows<{ partition: string; rows: bigint }>(
    sql`SELECT ${name} AS partition, count(*) AS rows FROM ${settled} AS s GROUP BY 1 ORDER BY 1`,
  );
  const files: ExportedFile[] = [];
  for (const one of found) {
    const path = join(staging, `export-${label}-${files.length}.${format}`);
    const rows = sql`SELECT ${shownColumns(table)} FROM ${settled} AS s
       WHERE ${name} = ${sql.literal(one.partition)} ORDER BY _seq`;
    await connection.run(sql`COPY (${rows}) TO ${sql.literal(path)} ${FORMATS[format]}`);
    files.push({ partition: one.partition, path });
  }
  return { throughSeq, rows: found.reduce((sum, one) => sum + Number(one.rows), 0), files };
}

/** The table's own columns, then what became of the row and its place. */
function shownColumns(table: Table): Sql {
  const columns = table.stored.plan.columns.map((column) => sql.id(column.name));
  const op = table.stored.hasTombstones ? sql`_deleted` : sql`FALSE`;
  return sql.join([...columns, sql`${op} AS _deleted`, sql`_seq`]);
}
