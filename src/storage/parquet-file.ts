/** How SQL names our Parquet files, and what their footers say. */
import { sql, type Sql } from "../core/sql.ts";
import { type Connection, filePattern } from "../duckdb/duckdb.ts";

/** The argument of `read_parquet` for exactly this file. */
export function parquetFile(path: string): Sql {
  return sql.literal(filePattern(path));
}

/** Rows by the file's footer, without reading the rest. */
export async function countParquetRows(connection: Connection, path: string): Promise<number> {
  const [found] = await connection.rows<{ rows: bigint }>(
    sql`SELECT num_rows AS rows FROM parquet_file_metadata(${parquetFile(path)})`,
  );
  return Number(found?.rows ?? 0n);
}
