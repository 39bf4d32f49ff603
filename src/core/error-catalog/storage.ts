/** Errors that `storage/` raises. */
import { external, internal, user, type ErrorEntry } from "./entry.ts";

export const STORAGE_ERRORS = {
  KRB_STORAGE_NO_MANIFEST: {
    ...external(
      500,
      "XX001",
      "Look at the manifests that the message names; restore the data directory from a backup.",
    ),
    retry: "never",
  },
  KRB_STORAGE_FORMAT: user(
    409,
    "0A000",
    "A newer version of Kurobe wrote this data directory: run that version or a later one.",
  ),
  KRB_STORAGE_DAMAGED: {
    ...external(
      500,
      "XX001",
      "Run `kurobe verify` for all damaged files, and restore them from a backup.",
    ),
    retry: "never",
  },
  KRB_STORAGE_CHUNK: internal(
    "A chunk that was just written does not hold what it should: free memory, check the disk, try again.",
  ),
  KRB_STORAGE_DISK: external(
    507,
    "53100",
    "Free space in the data directory, or check its permissions.",
  ),
} as const satisfies Record<string, ErrorEntry>;
