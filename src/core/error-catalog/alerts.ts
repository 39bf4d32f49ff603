/** Errors that `alerts/` raises. */
import { user, type ErrorEntry } from "./entry.ts";

export const ALERTS_ERRORS = {
  KRB_ALERTS_UNKNOWN: user(404, "42704", "`kurobe alert ls` lists the alerts of the project."),
  KRB_ALERTS_GROUP: user(400, "42703", "Name columns that the alert's window is grouped by."),
} as const satisfies Record<string, ErrorEntry>;
