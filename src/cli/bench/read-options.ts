/** Words of the benchmark's options: counts, mixes, distributions, sizes, lengths of time. */
import { type Distribution } from "../../bench/workload/distribution.ts";
import {
  parseCount,
  parseDistribution,
  parseShare,
  parseValueSize,
  type Refusal,
} from "../../bench/workload/read-words.ts";
import { type ValueSize } from "../../bench/workload/value-size.ts";
import { parseDuration } from "../../core/duration.ts";
import { KurobeError } from "../../core/errors.ts";

export function usage(message: string, hint?: string): KurobeError {
  return new KurobeError("KRB_CLI_USAGE", message, { hint });
}

/** `20000`, `20k`, `1.5m`. */
export function readCount(option: string, text: string, least?: number, most?: number): number {
  return parseCount(text, refusalOf(option, text), {
    ...(least === undefined ? {} : { least }),
    ...(most === undefined ? {} : { most }),
  });
}

export function readLengthMs(option: string, text: string): number {
  const us = parseDuration(text);
  if (us !== undefined) return us / 1000;
  throw usage(`--${option} ${text} is no length of time`, "Write it like 500ms, 30s or 5m.");
}

/** `0.9` or `90%`. */
export function readShare(option: string, text: string): number {
  return parseShare(text, refusalOf(option, text));
}

/** `get=80,set=20`. */
export function readMix(text: string): Readonly<Record<string, number>> {
  const entries = text.split(",").map((part) => {
    const [, name = "", weight = ""] =
      /^\s*([a-z_-]+)\s*[=:]\s*(\d+(?:\.\d+)?)\s*$/i.exec(part) ?? [];
    if (name === "") throw usage(`--mix ${text} is no mix`, "Write it like get=80,set=20.");
    return [name.toLowerCase(), Number(weight)] as const;
  });
  if (entries.every(([, weight]) => weight === 0)) {
    throw usage(`--mix ${text} has no operation with a weight above 0`);
  }
  return Object.fromEntries(entries);
}

export function readDistribution(text: string): Distribution {
  return parseDistribution(text, refusalOf("distribution", text));
}

/** `64`, `16-1024`, `64:80,1KiB:20`. */
export function readValueSize(text: string): ValueSize {
  return parseValueSize(text, refusalOf("value-size", text));
}

function refusalOf(option: string, text: string): Refusal {
  return (problem, hint) => usage(`--${option} ${text} ${problem}`, hint);
}
