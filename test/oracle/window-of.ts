/** The window that an instant lies in, by brute force. */
import { type GridPlan, type WindowSize } from "../../src/plan/plan.ts";
import { firstInstantMs, wallMs, wallStart } from "./clock.ts";

export interface OracleWindow {
  readonly startUs: bigint;
  readonly endUs: bigint;
}

/** All windows that an instant lies in, walking back from its slide, one by one. */
export function windowsOf(plan: GridPlan, instantUs: bigint): readonly OracleWindow[] {
  if (plan.kind === "tumbling") return [windowOf(plan.size, plan.timezone, instantUs)];
  let pane = windowOf(plan.every, plan.timezone, instantUs);
  const windows: OracleWindow[] = [];
  for (let step = 0; step < plan.panes; step++) {
    let endUs = pane.endUs;
    for (let more = 1; more < plan.panes; more++) {
      ({ endUs } = windowOf(plan.every, plan.timezone, endUs));
    }
    windows.push({ startUs: pane.startUs, endUs });
    pane = windowOf(plan.every, plan.timezone, pane.startUs - 1n);
  }
  return windows;
}

export function windowOf(size: WindowSize, zone: string, instantUs: bigint): OracleWindow {
  if (size.kind === "fixed") {
    const us = BigInt(size.us);
    const startUs = instantUs - (((instantUs % us) + us) % us);
    return { startUs, endUs: startUs + us };
  }
  const ms = Number((instantUs - (((instantUs % 1000n) + 1000n) % 1000n)) / 1000n);
  const wall = zone === "UTC" ? ms : wallMs(ms, zone);
  const unitStarts = [-1, 0, 1, 2].map((step) => groupStart(size, wall, step));
  const starts = unitStarts.map((start) => (zone === "UTC" ? start : firstInstantMs(start, zone)));
  const startMs = Math.max(...starts.filter((start) => start <= ms));
  const endMs = Math.min(...starts.filter((start) => start > ms));
  return { startUs: BigInt(startMs) * 1000n, endUs: BigInt(endMs) * 1000n };
}

type CalendarSize = Extract<WindowSize, { readonly kind: "calendar" }>;

/** Groups of units count from the day, Monday or month of the epoch. */
function groupStart(size: CalendarSize, wall: number, steps: number): number {
  const start = wallStart(wall, size.unit);
  let units: number;
  if (size.unit === "month") {
    const date = new Date(start);
    units = (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
  } else {
    const length = size.unit === "day" ? 86_400_000 : 7 * 86_400_000;
    units = Math.round((start - wallStart(0, size.unit)) / length);
  }
  const past = ((units % size.count) + size.count) % size.count;
  return wallStart(wall, size.unit, steps * size.count - past);
}
