/** Result rows as a Parquet file, which keeps their types. */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { sql } from "../../core/sql.ts";
import { openDatabase } from "../../duckdb/duckdb.ts";
import { csvOf, RESULT_COLUMNS, type ResultRow } from "./result-rows.ts";

const MIB = 1024 * 1024;

/** Written beside its place and moved there when it is whole. */
export async function writeParquet(path: string, rows: readonly ResultRow[]): Promise<void> {
  const target = resolve(path);
  const folder = await mkdtemp(join(dirname(target), ".kurobe-bench-"));
  try {
    const csv = join(folder, "rows.csv");
    const whole = join(folder, basename(target));
    await writeFile(csv, csvOf(rows));
    await using database = await openDatabase({
      memoryLimitBytes: 512 * MIB,
      threads: 1,
      temporaryDirectory: null,
      maxTemporaryBytes: 0,
      allowedDirectories: [folder],
    });
    await using connection = await database.connect();
    const names = Object.keys(RESULT_COLUMNS).map((name) => sql.id(name));
    const types = Object.entries(RESULT_COLUMNS).map(
      ([name, type]) => sql`${sql.id(name)}: ${sql.literal(type)}`,
    );
    await connection.run(sql`
      COPY (
        SELECT ${sql.join(names)}
        FROM read_csv(${sql.literal(csv)}, header = true, auto_detect = false, delim = ',',
          quote = '"', escape = '"', nullstr = '', columns = {${sql.join(types)}})
      ) TO ${sql.literal(whole)} (FORMAT parquet, COMPRESSION zstd)`);
    await rename(whole, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
