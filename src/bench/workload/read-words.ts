/** Counts, shares, distributions and sizes as people write them, in options and workload files. */
import { parseSize } from "../../core/size.ts";
import { type Distribution } from "./distribution.ts";
import { type ValueSize } from "./value-size.ts";

/** Makes the error for a text: `problem` goes on after it, as in "is no count". */
export type Refusal = (problem: string, hint?: string) => Error;

/** `20000`, `20k`, `1.5m`. */
export function parseCount(
  text: string,
  refuse: Refusal,
  { least = 1, most = 2_000_000_000 }: { readonly least?: number; readonly most?: number } = {},
): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text) ?? [];
  const scale = { "": 1, k: 1000, m: 1_000_000, g: 1_000_000_000 }[unit.toLowerCase()] ?? 1;
  const count = Number(digits) * scale;
  if (digits !== "" && Number.isInteger(count) && count >= least && count <= most) return count;
  throw refuse(`is no whole number from ${least} to ${most}`, "Write it like 50000, 50k or 1m.");
}

/** `0.9` or `90%`. */
export function parseShare(text: string, refuse: Refusal): number {
  const [, digits = "", percent = ""] = /^(\d*\.?\d+)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === "" ? 1 : 100);
  if (digits !== "" && share >= 0 && share <= 1) return share;
  throw refuse("is no share from 0 to 1", "Write it like 0.9 or 90%.");
}

export const DISTRIBUTION_PROSE =
  "uniform, zipfian[:0.99], gaussian[:0.16], hotset:10%:90% (keys:operations), sequential, latest.";

export function parseDistribution(text: string, refuse: Refusal): Distribution {
  const [kind = "", first, second] = text.split(":");
  const number = (word: string | undefined, otherwise: number): number => {
    const value = word === undefined ? otherwise : Number(word);
    if (value > 0 && value < 10) return value;
    throw refuse(`has ${word ?? ""}, which is no number above 0`);
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
        keyShare: parseShare(first ?? "20%", refuse),
        operationShare: parseShare(second ?? "80%", refuse),
      };
    default:
      throw refuse("is no distribution", `It is one of ${DISTRIBUTION_PROSE}`);
  }
}

const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** `64`, `16-1024`, `64:80,1KiB:20`. */
export function parseValueSize(text: string, refuse: Refusal): ValueSize {
  const bytes = (word: string): number => {
    const size = parseSize(word);
    if (size !== undefined && size <= MAX_VALUE_BYTES) return size;
    throw refuse(
      `has ${word === "" ? "an empty size" : word}, which is no size up to 64MiB`,
      "Write 64, 16-1024, or sizes with their weights: 64:80,1KiB:15,16KiB:5.",
    );
  };
  if (text.includes(":")) {
    const sizes = text.split(",").map((part) => {
      const [size = "", weight = ""] = part.split(":");
      if (!(Number(weight) > 0)) throw refuse(`has ${part} without a weight`);
      return { bytes: bytes(size), weight: Number(weight) };
    });
    return { kind: "histogram", sizes };
  }
  const [from = "", to] = text.split("-");
  if (to === undefined) return { kind: "fixed", bytes: bytes(from) };
  const range = { kind: "range", fromBytes: bytes(from), toBytes: bytes(to) } as const;
  if (range.fromBytes <= range.toBytes) return range;
  throw refuse("ends before it begins");
}
