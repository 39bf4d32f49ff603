/** How many bytes a value has. */
import { type Random } from "./random.ts";

export type ValueSize =
  | { readonly kind: "fixed"; readonly bytes: number }
  /** Uniform, both ends included. */
  | { readonly kind: "range"; readonly fromBytes: number; readonly toBytes: number }
  | { readonly kind: "histogram"; readonly sizes: readonly SizeShare[] };

export interface SizeShare {
  readonly bytes: number;
  readonly weight: number;
}

export function largestBytes(size: ValueSize): number {
  switch (size.kind) {
    case "fixed":
      return size.bytes;
    case "range":
      return size.toBytes;
    case "histogram":
      return Math.max(...size.sizes.map(({ bytes }) => bytes));
  }
}

export function drawSize(size: ValueSize, random: Random): number {
  switch (size.kind) {
    case "fixed":
      return size.bytes;
    case "range":
      return size.fromBytes + random.below(size.toBytes - size.fromBytes + 1);
    case "histogram": {
      const total = size.sizes.reduce((sum, { weight }) => sum + weight, 0);
      let left = random.unit() * total;
      for (const { bytes, weight } of size.sizes) {
        left -= weight;
        if (left < 0) return bytes;
      }
      return size.sizes.at(-1)?.bytes ?? 0;
    }
  }
}
