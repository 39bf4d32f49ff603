/**
 * A query as one statement over all events at once: what Kurobe's results must equal, and what
 * DuckDB needs for them when nothing has to be kept up to date. Written from Nexmark's own text,
 * with `person`, `auction` and `bid` as tables that have a column `place`: the order in which the
 * rows came. A bid's `p_time` is when it came.
 */
export interface BatchQuery {
  /** Of the result, here and in Kurobe. */
  readonly columns: readonly string[];
  readonly sql: string;
  /** Kurobe's results in these columns, where they are not columns of what has the query's name. */
  readonly kurobe?: string;
  /** What Kurobe's rows must be to count: streams have the events that only close windows, too. */
  readonly only?: string;
  /**
   * Columns that depend on which of two rows with equal times came first. That is known in a test,
   * and not in a benchmark that sends over several connections.
   */
  readonly byArrival?: readonly string[];
  /**
   * Where a result is never twice the same, so that only the tests can tell that it is right: what
   * the benchmark compares instead.
   */
  readonly sum?: Pick<BatchQuery, "columns" | "sql"> & { readonly kurobe: string };
}
