/** Errors that `cli/` raises. */
import { external, user, type ErrorEntry } from "./entry.ts";

export const CLI_ERRORS = {
  KRB_CLI_USAGE: user(400, "22023", "Add --help to see what the command takes, with examples."),
  KRB_CLI_FILE: user(400, "58030", "Check the path and its permissions."),
  KRB_CLI_FILE_EXISTS: user(409, "42710", "Choose an empty folder, or move the files away first."),
  KRB_CLI_FORMAT: user(
    400,
    "0A000",
    "Name the format with --format: ndjson, json, csv or parquet.",
  ),
  KRB_CLI_CONFIRMATION: user(409, "55000", "Add --yes to go on without a question."),
  KRB_CLI_UNREACHABLE: external(
    503,
    "08001",
    "Start a server with `kurobe start`, or name another one with --url or KUROBE_URL.",
  ),
  KRB_CLI_ANSWER: external(
    502,
    "08P01",
    "Check that the address is a Kurobe server of this version, and look at its log.",
  ),
  KRB_CLI_DAMAGE: {
    ...external(
      500,
      "XX001",
      "Restore the files that are named from a copy; rows still in the log come back by themselves.",
    ),
    retry: "never",
  },
} as const satisfies Record<string, ErrorEntry>;
