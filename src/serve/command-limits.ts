/** Bounds of the bodies that carry a command instead of rows. */
import { type Door } from "./door.ts";
import { type SmallBodyLimits } from "./json-body.ts";

/** Room for 64 KiB of SQL with its parameters, or a long list of ids. */
const MAX_COMMAND_BYTES = 1024 * 1024;

export function commandLimits(door: Door): SmallBodyLimits {
  return { maxBytes: MAX_COMMAND_BYTES, idleTimeoutMs: door.settings.bodyIdleTimeoutMs };
}
