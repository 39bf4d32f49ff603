/** Events as the rows that datasets take. */
import { type NexmarkEvent } from "./generator.ts";

/** One line without its end. */
export function ndjsonLine(event: NexmarkEvent): string {
  const { kind: _, ...row } = event;
  const times =
    "expires" in row
      ? { date_time: timeText(row.date_time), expires: timeText(row.expires) }
      : { date_time: timeText(row.date_time) };
  return JSON.stringify({ ...row, ...times });
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
