/** Errors that `project/` and `plan/` raise. */
import { user, type ErrorEntry } from "./entry.ts";

export const PROJECT_ERRORS = {
  KRB_PROJECT_NOT_FOUND: user(
    400,
    "42704",
    "Run `kurobe init` to write a starter project here, or go to the folder of one.",
  ),
  KRB_PROJECT_SYNTAX: user(400, "42601", "Correct the place that the message names."),
  KRB_PROJECT_LOAD: user(
    400,
    "58000",
    "The file threw while it was loaded: it should only declare things.",
  ),
  KRB_PROJECT_NO_DEFAULT_EXPORT: user(
    400,
    "42601",
    "End the file with `export default …`, a project with `defineProject({ … })`.",
  ),
  KRB_PROJECT_NOT_A_PROJECT: user(
    400,
    "42809",
    'The default export must be what `defineProject({ … })` from "kurobe" gives.',
  ),
  KRB_PROJECT_INVALID: user(
    400,
    "42P17",
    "Each problem names its place, what was expected there, and how to write it.",
  ),
} as const satisfies Record<string, ErrorEntry>;
