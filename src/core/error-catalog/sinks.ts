/** Errors that `sinks/` raises. */
import { external, user, type ErrorEntry } from "./entry.ts";

export const SINKS_ERRORS = {
  KRB_SINKS_UNKNOWN: user(404, "42704", "`kurobe sinks ls` lists the sinks of the project."),
  KRB_SINKS_SECRET: user(400, "28000", "Set the environment variable, then start again."),
  KRB_SINKS_ADDRESS: user(
    400,
    "22023",
    "Say allowPrivateAddresses: true in the sink if the receiver is in your own network.",
  ),
  KRB_SINKS_CLIENT: user(400, "58P01", "Install the package that the sink's receiver needs."),
  KRB_SINKS_SETTING: user(400, "22023", "Change the setting of the sink to fit its source."),
  KRB_SINKS_TARGET: external(
    502,
    "42P17",
    "Make the receiver's table or index fit; the sink goes on by itself, or `kurobe sinks retry`.",
  ),
  KRB_SINKS_POINTS: user(
    400,
    "42P10",
    "Name tags that tell rows apart, or say mayOverwrite: true where the last one may win.",
  ),
  KRB_SINKS_DENIED: external(
    502,
    "28000",
    "Check the user, the password and the rights that the sink has at the receiver.",
  ),
  KRB_SINKS_REJECTED: external(
    502,
    "08P01",
    "The receiver will not take this delivery. Repair it, then `kurobe sinks retry`.",
  ),
  KRB_SINKS_UNREACHABLE: external(
    502,
    "08006",
    "The receiver is down or slow. Deliveries wait and are repeated; nothing is lost.",
  ),
  KRB_SINKS_BUSY: external(
    429,
    "53300",
    "The receiver asked to be left alone for a while. Deliveries wait; nothing is lost.",
  ),
} as const satisfies Record<string, ErrorEntry>;
