/** Amounts of bytes as people write them: `64MiB`, `1.5 GiB`, `4096`. */

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  tb: 1_000_000_000_000,
  kib: 1024,
  mib: 1_048_576,
  gib: 1_073_741_824,
  tib: 1_099_511_627_776,
};

export const SIZE_EXAMPLES = '"512KiB", "64MiB", "1.5GiB"';

/** Whole bytes, or undefined for text that is no size. KB and KiB differ, as in the standard. */
export function parseSize(text: string): number | undefined {
  const [, amount = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const key = unit.toLowerCase();
  if (amount === "" || !Object.hasOwn(UNITS, key)) return undefined;
  const sizeBytes = Math.round(Number(amount) * (UNITS[key] ?? 1));
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/** Exact: the largest binary unit that divides the size, so `parseSize` reads it back. */
export function formatSize(sizeBytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const unitBytes = UNITS[unit.toLowerCase()] ?? 1;
    if (sizeBytes >= unitBytes && sizeBytes % unitBytes === 0)
      return `${sizeBytes / unitBytes}${unit}`;
  }
  return `${sizeBytes}B`;
}
