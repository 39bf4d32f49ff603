/** Bytes that values are cut from: printable, and no more compressible than base64. */
import { Random } from "./random.ts";
import { largestBytes } from "./value-size.ts";
import { type Workload } from "./workload.ts";

const LEAST_BYTES = 64 * 1024;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function makeValueBytes(workload: Workload, seed: number): Buffer {
  const largest = Math.max(0, ...workload.keyspaces.map(({ value }) => largestBytes(value)));
  const bytes = Buffer.alloc(Math.max(LEAST_BYTES, largest * 2));
  const random = new Random(seed, -1);
  for (let at = 0; at < bytes.length; at++) bytes[at] = LETTERS.charCodeAt(random.uint32() >>> 26);
  return bytes;
}
