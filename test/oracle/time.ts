/** Operators on time, by the clock of a zone. */
import { firstInstantMs, wallMs, wallStart, type DateUnit } from "./clock.ts";

function floorMs(us: bigint): number {
  return Number(us / 1000n - (us % 1000n < 0n ? 1n : 0n));
}

const CLOCK_MS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
};

export function truncateTime(us: bigint, unit: string, zone: string): bigint {
  const ms = floorMs(us);
  const wall = zone === "UTC" ? ms : wallMs(ms, zone);
  const step = CLOCK_MS[unit];
  if (step !== undefined) return BigInt(ms - (((wall % step) + step) % step)) * 1000n;
  const start = wallStart(wall, unit as DateUnit);
  return BigInt(zone === "UTC" ? start : firstInstantMs(start, zone)) * 1000n;
}

export function extractPart(us: bigint, part: string, zone: string): bigint {
  const ms = floorMs(us);
  const wall = new Date(zone === "UTC" ? ms : wallMs(ms, zone));
  const yearStart = Date.parse(`${wall.toISOString().slice(0, 4)}-01-01T00:00:00Z`);
  switch (part) {
    case "year":
      return BigInt(wall.getUTCFullYear());
    case "quarter":
      return BigInt(Math.floor(wall.getUTCMonth() / 3) + 1);
    case "month":
      return BigInt(wall.getUTCMonth() + 1);
    case "week":
      return BigInt(isoWeek(wall));
    case "day":
      return BigInt(wall.getUTCDate());
    case "dayOfWeek":
      return BigInt(((wall.getUTCDay() + 6) % 7) + 1);
    case "dayOfYear":
      return BigInt(Math.floor((wall.getTime() - yearStart) / 86_400_000) + 1);
    case "hour":
      return BigInt(wall.getUTCHours());
    case "minute":
      return BigInt(wall.getUTCMinutes());
    case "second":
      return BigInt(wall.getUTCSeconds());
    default:
      return ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  }
}

/** The week belongs to the year that its Thursday lies in. */
function isoWeek(wall: Date): number {
  const thursday = new Date(wallStart(wall.getTime(), "week") + 3 * 86_400_000);
  const january = new Date(0);
  january.setUTCFullYear(thursday.getUTCFullYear(), 0, 1);
  return Math.floor((thursday.getTime() - january.getTime()) / 86_400_000 / 7) + 1;
}
