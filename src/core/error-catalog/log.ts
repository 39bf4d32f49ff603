/** Errors that `log/` raises. */
import { external, type ErrorEntry, user } from "./entry.ts";

export const LOG_ERRORS = {
  KRB_LOG_LOCKED: {
    ...external(503, "55006", "Stop the other process, or use another data directory."),
    retry: "never",
  },
  KRB_LOG_DAMAGED: {
    ...external(
      500,
      "XX001",
      "Run `kurobe log repair`: it sets the damaged rest aside and lists what is lost.",
    ),
    retry: "never",
  },
  KRB_LOG_UNSUPPORTED: user(
    500,
    "0A000",
    "A newer version of Kurobe wrote this log: run that version or a later one.",
  ),
  KRB_LOG_REMOVED: {
    ...external(410, "58P01", "Read from the log's first position, or from a checkpoint after it."),
    retry: "never",
  },
  KRB_LOG_TOO_LARGE: user(413, "54000", "Send the rows in smaller batches."),
  KRB_LOG_FULL_QUEUE: external(
    429,
    "53400",
    "The disk is slower than what comes in: send the batch again in a moment.",
  ),
  KRB_LOG_DISK_FULL: external(
    507,
    "53100",
    "Free space on the disk of the data directory, then send the batch again: it was not stored.",
  ),
  KRB_LOG_WRITE: external(
    503,
    "58030",
    "Look at the system's log for the disk, then send the batch again.",
  ),
  KRB_LOG_ACCESS: external(
    503,
    "58030",
    "Check the disk, and that the data directory belongs to the user Kurobe runs as.",
  ),
  KRB_LOG_STOPPED: external(
    503,
    "58030",
    "Restart Kurobe: it reads back what is on the disk, and goes on from there.",
  ),
} as const satisfies Record<string, ErrorEntry>;
