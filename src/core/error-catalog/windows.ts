/** Errors that `windows/` raises. */
import { type ErrorEntry, user } from "./entry.ts";

export const WINDOWS_ERRORS = {
  KRB_WINDOWS_UNKNOWN: user(404, "42P01", "`kurobe check` lists the datasets and their windows."),
  KRB_WINDOWS_RANGE: user(
    400,
    "22023",
    "Name a range in which windows are over; without one, all of them are computed.",
  ),
  KRB_WINDOWS_FOLLOWS: user(
    400,
    "0A000",
    "It follows whatever changes in the window that it reads: backfill that one.",
  ),
  KRB_WINDOWS_REPLAYS: user(
    409,
    "53400",
    "End those whose senders are gone: `kurobe replay ls`, `kurobe replay end`.",
  ),
  KRB_WINDOWS_BACKFILLING: user(
    409,
    "55006",
    "Wait for it: `kurobe backfill <window>` shows how far it is, with `--cancel` it ends.",
  ),
} as const satisfies Record<string, ErrorEntry>;
