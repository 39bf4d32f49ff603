/**
 * A histogram as text, for results, threads and agents: base64 of a version byte, five doubles
 * (count and `moments()`), then pairs of varints: buckets skipped since the last one, count.
 */
import { KurobeError } from "../../core/errors.ts";
import { BUCKET_COUNT } from "./buckets.ts";
import { LatencyHistogram } from "./histogram.ts";

const VERSION = 1;
const HEAD_BYTES = 1 + 5 * 8;

export function encodeHistogram(histogram: LatencyHistogram): string {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = VERSION;
  const numbers = [histogram.count, ...histogram.moments()];
  numbers.forEach((number, index) => head.writeDoubleLE(number, 1 + index * 8));
  const body: number[] = [];
  let last = -1;
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const count = histogram.counts[bucket] ?? 0;
    if (count === 0) continue;
    pushVarint(body, bucket - last - 1);
    pushVarint(body, count);
    last = bucket;
  }
  return Buffer.concat([head, Buffer.from(body)]).toString("base64");
}

/** Throws KRB_BENCH_HISTOGRAM for text that `encodeHistogram` did not write. */
export function decodeHistogram(text: string): LatencyHistogram {
  const bytes = Buffer.from(text, "base64");
  const [version] = bytes;
  if (bytes.length < HEAD_BYTES || version !== VERSION) {
    throw unreadable(
      bytes.length < HEAD_BYTES ? "it is cut short" : `its version is ${version ?? 0}`,
    );
  }
  const entries: (readonly [number, number])[] = [];
  let bucket = -1;
  let at = HEAD_BYTES;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined || scale > 2 ** 49) throw unreadable("it is cut short");
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    bucket += varint() + 1;
    if (bucket >= BUCKET_COUNT) throw unreadable(`bucket ${bucket} does not exist`);
    entries.push([bucket, varint()]);
  }
  const number = (index: number): number => bytes.readDoubleLE(1 + index * 8);
  const moments = [number(1), number(2), number(3), number(4)] as const;
  const histogram = LatencyHistogram.restore(entries, moments);
  // Text that was cut between two buckets reads well.
  if (histogram.count !== number(0)) throw unreadable("its counts do not add up");
  return histogram;
}

function pushVarint(body: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    body.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  body.push(rest);
}

function unreadable(why: string): KurobeError {
  return new KurobeError("KRB_BENCH_HISTOGRAM", `A histogram cannot be read: ${why}`);
}
