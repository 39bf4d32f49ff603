/** Errors that `bench/` raises. */
import { user, type ErrorEntry } from "./entry.ts";

export const BENCH_ERRORS = {
  KRB_BENCH_HISTOGRAM: user(
    422,
    "22P02",
    "Take the result again: its histogram was changed by hand, or comes from another version.",
  ),
} as const satisfies Record<string, ErrorEntry>;
