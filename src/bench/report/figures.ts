/** Figures as the report writes them: three digits, and a unit that fits. */

const PREFIXES = ["", "k", "M", "G"] as const;

/** `743 k`, `1.05 M`, `96`. */
export function showRate(value: number): string {
  let rest = value;
  let prefix = 0;
  while (rest >= 999.5 && prefix < PREFIXES.length - 1) {
    rest /= 1000;
    prefix += 1;
  }
  return `${threeDigits(rest)} ${PREFIXES[prefix] ?? ""}`.trimEnd();
}

/** `0.25 ms`, `48.2 µs`, `1.5 s`; a dash where nothing is known. */
export function showMs(value: number | null): string {
  if (value === null) return "–";
  if (value >= 1000) return `${threeDigits(value / 1000)} s`;
  return value >= 0.1 || value === 0
    ? `${threeDigits(value)} ms`
    : `${threeDigits(value * 1000)} µs`;
}

/** `12,345`. */
export function showWhole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** `1.048×`. */
export function showRatio(value: number): string {
  return `${value >= 10 ? value.toFixed(1) : value >= 2 ? value.toFixed(2) : value.toFixed(3)}×`;
}

function threeDigits(value: number): string {
  if (value === 0) return "0";
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits);
}

/** `0.50 ms` and `20.0 k` without the zeros that an axis has no use for: `0.5 ms`, `20 k`. */
export function withoutZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\s|$)/, "$1").replace(/\.(?=\s|$)/, "");
}
