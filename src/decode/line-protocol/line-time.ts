/** Timestamps of line protocol: whole numbers of a unit that the request names. */
import { type TimeUnit } from "../../log/entry.ts";
import { formatTimestamp } from "../exact-time.ts";

const NS_PER_UNIT: Readonly<Record<TimeUnit, bigint>> = {
  ns: 1n,
  us: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
/** InfluxDB keeps the outermost values of 64 bits for itself. */
const MAX_NS = 2n ** 63n - 2n;

/** Nanoseconds, or undefined beyond the years 1677 to 2262, which is what the protocol can say. */
export function lineTimeNs(text: string, unit: TimeUnit): bigint | undefined {
  if (text.length > 20) return undefined;
  const ns = BigInt(text) * NS_PER_UNIT[unit];
  return ns <= MAX_NS && ns >= -MAX_NS ? ns : undefined;
}

/** Microseconds; what is finer is cut towards the past, so that order stays. */
export function nsToUs(ns: bigint): bigint {
  return ns >= 0n ? ns / 1000n : -((999n - ns) / 1000n);
}

/**
 * The microseconds of a usual timestamp without a detour over big integers; undefined where the
 * slow way has to decide.
 */
export function quickTimeUs(text: string, unit: TimeUnit): number | undefined {
  if (text.length < 4 || text.length > 19 || text.charCodeAt(0) === 45) return undefined;
  let us: number;
  if (unit === "ns") us = Number(text.slice(0, -3));
  else us = Number(text) * Number(NS_PER_UNIT[unit] / 1000n);
  // 2^53 µs is the year 2255.
  return us <= Number.MAX_SAFE_INTEGER ? us : undefined;
}

/** Writes times as `YYYY-MM-DDTHH:MM:SS.ffffffZ`; rows of one second share the costly part. */
export class TimeWriter {
  #second = Number.NaN;
  #text = "";

  write(timeUs: number): string {
    const second = Math.floor(timeUs / 1_000_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = formatTimestamp(BigInt(second) * 1_000_000n).slice(0, 20);
    }
    return `${this.#text}${String(timeUs - second * 1_000_000).padStart(6, "0")}Z`;
  }
}
