/** Errors that `query/` raises. */
import { external, user, type ErrorEntry } from "./entry.ts";

export const QUERY_ERRORS = {
  KRB_QUERY_SQL: user(400, "42601", "Correct the statement: the message says where it stopped."),
  KRB_QUERY_NOT_ALLOWED: user(
    403,
    "42501",
    "A query is one SELECT over datasets, with the functions in the list of the SQL reference.",
  ),
  KRB_QUERY_UNKNOWN_RELATION: user(
    404,
    "42P01",
    "Use the name of a dataset or a window, or <dataset>.dead_letters or <dataset>.late_rows.",
  ),
  KRB_QUERY_TOO_COMPLEX: user(
    400,
    "54001",
    "Split the statement, or pass long lists as a JSON parameter.",
  ),
  KRB_QUERY_PARAMETERS: user(
    400,
    "07001",
    "Give one value for each parameter: a list for $1 or ?, an object for $name.",
  ),
  KRB_QUERY_BUSY: {
    domain: "external",
    retry: "backoff",
    http: 429,
    sqlstate: "53300",
    exitCode: 2,
    hint: "Too many queries are waiting: try again in a moment, or raise the query settings.",
  },
  KRB_QUERY_TIMEOUT: user(
    504,
    "57014",
    "Read a shorter time range, aggregate in a window, or raise the time limit of queries.",
  ),
  KRB_QUERY_MEMORY: external(
    503,
    "53200",
    "Read a shorter time range or fewer columns, or raise the memory setting.",
  ),
  KRB_QUERY_TOO_MANY_ROWS: user(
    413,
    "54000",
    "Add LIMIT, aggregate, or raise the row limit of queries. A result is never cut silently.",
  ),
  KRB_QUERY_RESULT_TOO_LARGE: user(
    413,
    "54000",
    "Select fewer columns or rows, take Parquet, or raise the result limit of queries.",
  ),
  KRB_QUERY_CANCELLED: user(499, "57014", "The caller went away before the end."),
  KRB_QUERY_STALLED: user(408, "57014", "Read the result without long pauses."),
  KRB_QUERY_UNKNOWN_COLUMN: user(400, "42703", "Use a column of the dataset."),
  KRB_QUERY_FILTER: user(
    400,
    "22P02",
    "Write filters as column=value or column.gte=value; operators: eq ne gt gte lt lte in null.",
  ),
  KRB_QUERY_CURSOR: user(
    400,
    "22023",
    "Start again without a cursor, and pass on the one of the last page with the same filters.",
  ),
  KRB_QUERY_PAGE_SIZE: user(400, "22023", "Ask for 1 to 100 rows a page."),
} as const satisfies Record<string, ErrorEntry>;
