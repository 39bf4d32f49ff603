/** Errors that `bench/` raises. */
import { user, type ErrorEntry } from "./entry.ts";

export const BENCH_ERRORS = {
  KRB_BENCH_HISTOGRAM: user(
    422,
    "22P02",
    "Take the result again: its histogram was changed by hand, or comes from another version.",
  ),
  KRB_BENCH_NOT_COMPARABLE: user(
    422,
    "22023",
    "Compare two or more results of one workload, one for each target.",
  ),
  KRB_BENCH_RESULT_FILE: user(400, "58030", "Check the path and its permissions."),
  KRB_BENCH_RESULT_INVALID: user(
    422,
    "22023",
    "Use a file that `kurobe bench` wrote; docs/reference/bench-result.schema.json says what it holds.",
  ),
} as const satisfies Record<string, ErrorEntry>;
