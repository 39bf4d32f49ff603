/** How many windows have rows and are not closed yet. */
import { windowIndex } from "../plan/calendar.ts";
import { type WindowPlan } from "../plan/plan.ts";
import { gridOf } from "../plan/window-size.ts";

/**
 * Windows of the grid from what is closed up to the newest row, whichever groups they have. Of
 * sessions `openSessions`, one a group.
 */
export function countOpen(
  window: WindowPlan,
  closedUntilUs: bigint | null,
  maxEventTimeUs: bigint | null,
  openSessions: number,
): number {
  if (window.kind === "session") return openSessions;
  if (maxEventTimeUs === null || closedUntilUs === null || maxEventTimeUs < closedUntilUs) return 0;
  const index = (us: bigint): bigint => windowIndex(gridOf(window), window.timezone, us);
  const overlapping = window.kind === "hopping" ? window.panes - 1 : 0;
  return Number(index(maxEventTimeUs) - index(closedUntilUs)) + 1 + overlapping;
}
