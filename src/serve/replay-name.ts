/** Names of replays, as clients choose them. */
import { KurobeError } from "../core/errors.ts";

export const MAX_REPLAY_NAME = 128;

/** Throws KRB_SERVE_PARAMETER. */
export function checkReplayName(name: string): void {
  if (name.length > 0 && name.length <= MAX_REPLAY_NAME && /^[\x20-\x7e]+$/.test(name)) return;
  throw new KurobeError(
    "KRB_SERVE_PARAMETER",
    `the name of a replay has 1 to ${MAX_REPLAY_NAME} characters of ASCII`,
  );
}
