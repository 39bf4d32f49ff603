/** Who sends rows, and what makes a request of theirs recognisable when it comes again. */
import { type IncomingHttpHeaders } from "node:http";
import { KurobeError } from "../core/errors.ts";

const MAX_KEY_LENGTH = 256;
const MAX_PRODUCER_LENGTH = 128;

/** Two ways to make a retry safe: a key of its own, or a producer that counts what it sends. */
export function senderOf(headers: IncomingHttpHeaders): {
  producer: string;
  idempotencyKey: string;
} {
  const key = plainHeader(headers, "idempotency-key", MAX_KEY_LENGTH);
  const producer = plainHeader(headers, "kurobe-producer", MAX_PRODUCER_LENGTH);
  const sequence = plainHeader(headers, "kurobe-sequence", MAX_PRODUCER_LENGTH);
  if (sequence === "") return { producer, idempotencyKey: key };
  if (!/^\d{1,19}$/.test(sequence)) throw wrongHeader("Kurobe-Sequence is not a whole number");
  if (producer === "") throw wrongHeader("Kurobe-Sequence is there without Kurobe-Producer");
  if (key !== "") throw wrongHeader("Idempotency-Key and Kurobe-Sequence are both there");
  return { producer, idempotencyKey: `${producer}:${sequence}` };
}

function plainHeader(headers: IncomingHttpHeaders, name: string, maxLength: number): string {
  const value = headers[name];
  if (value === undefined) return "";
  if (typeof value !== "string" || value === "") throw wrongHeader(`${name} is empty`);
  if (value.length > maxLength) {
    throw wrongHeader(`${name} is longer than ${maxLength} characters`);
  }
  if (!/^[\x20-\x7e]+$/.test(value)) throw wrongHeader(`${name} has characters besides ASCII`);
  return value;
}

function wrongHeader(message: string): KurobeError {
  return new KurobeError("KRB_SERVE_HEADER", message);
}
