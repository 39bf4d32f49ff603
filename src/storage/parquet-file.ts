/** How SQL names our Parquet files, and what their footers say. */
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";

/**
 * The argument of `read_parquet` for exactly this file. DuckDB takes `[`, `*` and `?` for patterns,
 * and a data directory below `a[b]` would be read from its neighbour `ab`.
 */
export function parquetFile(path: string): Sql {
  return sql.literal(path.replaceAll(/[[*?]/g, "[$&]"));
}

/** Rows by the file's footer, without reading the rest. */
export async function countParquetRows(connection: Connection, path: string): Promise<number> {
  const [found] = await connection.rows<{ rows: bigint }>(
    sql`SELECT num_rows AS rows FROM parquet_file_metadata(${parquetFile(path)})`,
  );
  return Number(found?.rows ?? 0n);
}
