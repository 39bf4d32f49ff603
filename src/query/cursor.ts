/** Where a page ended: opaque text that only fits the question it came from. */
import { createHash } from "node:crypto";
import { KurobeError } from "../core/errors.ts";

export interface Position {
  readonly eventTimeUs: bigint;
  readonly seq: bigint;
}

/** `question` says what was asked: dataset, order, filters, columns. */
export function writeCursor(question: string, position: Position): string {
  const body = `${position.eventTimeUs}.${position.seq}`;
  return Buffer.from(`${body}.${checksum(question, body)}`).toString("base64url");
}

const CURSOR = /^(-?\d{1,19})\.(\d{1,19})\.([0-9a-f]{16})$/;

/** Throws `KRB_QUERY_CURSOR` for damaged cursors and for those of another question. */
export function readCursor(question: string, cursor: string): Position {
  const match = CURSOR.exec(Buffer.from(cursor.slice(0, 200), "base64url").toString("latin1"));
  const [, time = "", seq = "", sum = ""] = match ?? [];
  if (match === null || sum !== checksum(question, `${time}.${seq}`)) {
    throw new KurobeError("KRB_QUERY_CURSOR", "the cursor does not belong to this question");
  }
  return { eventTimeUs: BigInt(time), seq: BigInt(seq) };
}

/**
 * Against mistakes, not against forgery: a forged position reads nothing that a filter could not.
 */
function checksum(question: string, body: string): string {
  return createHash("sha256").update(`${question}\n${body}`).digest("hex").slice(0, 16);
}
