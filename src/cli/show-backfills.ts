/** What people see of backfills. */
import { showTime } from "./figures.ts";
import { type Output } from "./output.ts";

/** As the server tells it. */
export interface Backfill {
  readonly window: string;
  readonly state: "running" | "done" | "cancelled" | "failed";
  readonly from: string;
  readonly to: string;
  /** What starts then or later is done. */
  readonly next: string;
  /** Rows; null where it is not being worked on. */
  readonly done: number | null;
  readonly total: number | null;
  readonly added: number;
  readonly corrected: number;
  readonly takenBack: number;
  readonly replayed: number;
  readonly problem: string | null;
}

/** `running, 35 %`; one that failed says why. */
export function backfillText({ state, done, total, problem }: Backfill): string {
  if (problem !== null) return `${state}: ${problem}`;
  if (state !== "running" || done === null || total === null || total === 0) return state;
  return `${state}, ${Math.floor((100 * done) / total)} %`;
}

/** A line for each that is not over. */
export function showBackfills(backfills: readonly Backfill[], output: Output): void {
  const { red, dim } = output.paint;
  for (const one of backfills) {
    const mark = one.state === "failed" ? red("✗") : " ";
    const next = dim(`back to ${showTime(one.next)}`);
    output.line(`${mark} backfill of ${one.window}: ${backfillText(one)} ${next}`);
  }
}
