/** Words of the benchmark's options: counts, mixes, distributions, sizes, lengths of time. */
import { type Distribution } from "../../bench/workload/distribution.ts";
import { type ValueSize } from "../../bench/workload/value-size.ts";
import { parseDuration } from "../../core/duration.ts";
import { KurobeError } from "../../core/errors.ts";
import { parseSize } from "../../platform/size.ts";

export function usage(message: string, hint?: string): KurobeError {
  return new KurobeError("KRB_CLI_USAGE", message, { hint });
}

/** `20000`, `20k`, `1.5m`. */
export function readCount(option: string, text: string, least = 1, most = 2_000_000_000): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text) ?? [];
  const scale = { "": 1, k: 1000, m: 1_000_000, g: 1_000_000_000 }[unit.toLowerCase()] ?? 1;
  const count = Number(digits) * scale;
  if (digits !== "" && Number.isInteger(count) && count >= least && count <= most) return count;
  throw usage(
    `--${option} ${text} is no whole number from ${least} to ${most}`,
    "Write it like 50000, 50k or 1m.",
  );
}

export function readLengthMs(option: string, text: string): number {
  const us = parseDuration(text);
  if (us !== undefined) return us / 1000;
  throw usage(`--${option} ${text} is no length of time`, "Write it like 500ms, 30s or 5m.");
}

/** `0.9` or `90%`. */
export function readShare(option: string, text: string): number {
  const [, digits = "", percent = ""] = /^(\d*\.?\d+)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === "" ? 1 : 100);
  if (digits !== "" && share >= 0 && share <= 1) return share;
  throw usage(`--${option} ${text} is no share from 0 to 1`, "Write it like 0.9 or 90%.");
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

export const DISTRIBUTION_PROSE =
  "uniform, zipfian[:0.99], gaussian[:0.16], hotset:10%:90% (keys:operations), sequential, latest.";

export function readDistribution(text: string): Distribution {
  const [kind = "", first, second] = text.split(":");
  const number = (word: string | undefined, otherwise: number): number => {
    const value = word === undefined ? otherwise : Number(word);
    if (value > 0 && value < 10) return value;
    throw usage(`--distribution ${text}: ${word ?? ""} is no number above 0`);
  };
  switch (kind) {
    case "uniform":
    case "sequential":
      return { kind };
    case "zipfian":
    case "latest":
      return { kind, theta: number(first, 0.99) };
    case "gaussian":
      return { kind, spread: number(first, 1 / 6) };
    case "hotset":
      return {
        kind,
        keyShare: readShare("distribution", first ?? "20%"),
        operationShare: readShare("distribution", second ?? "80%"),
      };
    default:
      throw usage(
        `--distribution ${text} is no distribution`,
        `It is one of ${DISTRIBUTION_PROSE}`,
      );
  }
}

const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** `64`, `16-1024`, `64:80,1KiB:20`. */
export function readValueSize(text: string): ValueSize {
  const bytes = (word: string): number => {
    const size = parseSize(word);
    if (size !== undefined && size <= MAX_VALUE_BYTES) return size;
    throw usage(
      `--value-size ${text}: ${word} is no size up to 64MiB`,
      "Write 64, 16-1024, or sizes with their weights: 64:80,1KiB:15,16KiB:5.",
    );
  };
  if (text.includes(":")) {
    const sizes = text.split(",").map((part) => {
      const [size = "", weight = ""] = part.split(":");
      if (!(Number(weight) > 0)) throw usage(`--value-size ${text}: ${part} has no weight`);
      return { bytes: bytes(size), weight: Number(weight) };
    });
    return { kind: "histogram", sizes };
  }
  const [from = "", to] = text.split("-");
  if (to === undefined) return { kind: "fixed", bytes: bytes(from) };
  const range = { kind: "range", fromBytes: bytes(from), toBytes: bytes(to) } as const;
  if (range.fromBytes <= range.toBytes) return range;
  throw usage(`--value-size ${text} ends before it begins`);
}
