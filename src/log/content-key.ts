/**
 * Idempotency keys that stand for the bytes of a body, for protocols whose clients send the same
 * bytes again when an answer was lost, and have no other way to say so.
 */
import { createHash } from "node:crypto";

/** No client can send it: header values are ASCII. */
const MARK = "§";

export function contentKey(body: Uint8Array, context: string): string {
  return `${MARK}${createHash("sha256").update(context).update("\0").update(body).digest("base64url")}`;
}

export function isContentKey(key: string): boolean {
  return key.startsWith(MARK);
}
