/** Lengths of windows, in words and as a grid. */
import { formatDuration } from "../core/duration.ts";
import { type GridPlan, type WindowSize } from "./plan.ts";

/** What the window's borders lie on: windows of this size, side by side, are its panes. */
export function gridOf(window: GridPlan): WindowSize {
  return window.kind === "tumbling" ? window.size : window.every;
}

/** `5m`, `1 day`, `2 weeks`. */
export function sizeText(size: WindowSize): string {
  if (size.kind === "fixed") return formatDuration(size.us);
  return `${size.count} ${size.unit}${size.count === 1 ? "" : "s"}`;
}
