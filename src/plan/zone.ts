/** Names of time zones: only those of the IANA database, as they are written there. */
import { didYouMean, nearest } from "./problem.ts";

/** Undefined for a name that every engine knows; else how to write one. */
export function zoneProblem(zone: unknown): string | undefined {
  if (typeof zone !== "string") return '"Asia/Tokyo"';
  if (zone === "UTC") return undefined;
  const known = Intl.supportedValuesOf("timeZone");
  if (known.includes(zone)) return undefined;
  // Offsets and abbreviations say nothing about when clocks change.
  const isName = /^[A-Z][A-Za-z]+(\/[A-Za-z][A-Za-z0-9_+-]*){1,2}$/.test(zone);
  const isCased = known.every((one) => one.toLowerCase() !== zone.toLowerCase());
  if (isName && isCased && isAccepted(zone)) return undefined;
  return nearest(zone, known) === undefined
    ? 'a name of the IANA database, such as "Asia/Tokyo" or "UTC"'
    : didYouMean(zone, known);
}

/**
 * Other names of the same zones (`Asia/Kolkata`, `US/Eastern`) are not listed, but they are right.
 */
function isAccepted(zone: string): boolean {
  try {
    Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
