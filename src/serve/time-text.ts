/** Times as every answer writes them: ISO 8601 in UTC, with microseconds. */

/** `2026-01-02T03:04:05.000006Z` for microseconds since the epoch. */
export function isoTime(us: bigint): string {
  const fraction = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number((us - fraction) / 1000n)).toISOString();
  return `${second.slice(0, -4)}${fraction.toString().padStart(6, "0")}Z`;
}

export function isoTimeOrNull(us: bigint | null): string | null {
  return us === null ? null : isoTime(us);
}
