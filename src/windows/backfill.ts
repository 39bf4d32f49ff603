/**
 * Backfills as the log and the checkpoints know them: what was asked for, how far it is. A start
 * that reads the log back comes to the same, and goes on from there.
 */
import { NOTHING_RECOMPUTED, plus, type Recomputed } from "./recompute.ts";

/** Of a window, newest first: what starts at `nextUs` or later is done. */
export interface Backfill extends Recomputed {
  readonly window: string;
  readonly state: "running" | "done" | "cancelled";
  /** Starts of windows, microseconds, half-open. */
  readonly fromUs: bigint;
  readonly toUs: bigint;
  readonly nextUs: bigint;
  readonly startedUs: bigint;
  /** When the last slice was computed, or when it was cancelled. */
  readonly changedUs: bigint;
}

/** For the stage of the windows, through the log. Times are microseconds as text. */
export type BackfillCommand =
  | {
      readonly kind: "backfill_begin";
      readonly window: string;
      readonly fromUs: string;
      readonly toUs: string;
    }
  /** Windows that start in `[fromUs, nextUs)` are computed next. */
  | {
      readonly kind: "backfill_slice";
      readonly window: string;
      readonly fromUs: string;
      readonly nextUs: string;
    }
  | { readonly kind: "backfill_cancel"; readonly window: string };

const TIMES = ["fromUs", "toUs", "nextUs", "startedUs", "changedUs"] as const;
type Time = (typeof TIMES)[number];
export type BackfillState = Omit<Backfill, Time> & Readonly<Record<Time, string>>;

/** The last backfill of each window. What has changed since the last commit is a draft. */
export class BackfillBook {
  #all = new Map<string, Backfill>();
  #draft = new Map<string, Backfill>();

  /** Where one is running already, it goes on and nothing begins. */
  begin(command: Extract<BackfillCommand, { kind: "backfill_begin" }>, nowUs: bigint): void {
    const { window } = command;
    if (this.#find(window)?.state === "running") return;
    const [fromUs, toUs] = [BigInt(command.fromUs), BigInt(command.toUs)];
    const times = { fromUs, toUs, nextUs: toUs, startedUs: nowUs, changedUs: nowUs };
    this.#draft.set(window, { window, state: "running", ...times, ...NOTHING_RECOMPUTED });
  }

  cancel(window: string, nowUs: bigint): void {
    const found = this.#find(window);
    if (found?.state !== "running") return;
    this.#draft.set(window, { ...found, state: "cancelled", changedUs: nowUs });
  }

  /** Whether the slice is the next one: a backfill may have been cancelled in between. */
  awaits({ window, nextUs }: Extract<BackfillCommand, { kind: "backfill_slice" }>): boolean {
    const found = this.#find(window);
    return found?.state === "running" && found.nextUs === BigInt(nextUs);
  }

  advance(window: string, nextUs: bigint, counts: Recomputed, nowUs: bigint): void {
    const found = this.#find(window);
    if (found === undefined) return;
    const state = nextUs <= found.fromUs ? "done" : "running";
    const changed = { state, nextUs, changedUs: nowUs, ...plus(found, counts) } as const;
    this.#draft.set(window, { ...found, ...changed });
  }

  /** As of the last commit. */
  list(): readonly Backfill[] {
    return [...this.#all.values()];
  }

  commit(): void {
    for (const [window, backfill] of this.#draft) this.#all.set(window, backfill);
    this.rollback();
  }

  rollback(): void {
    this.#draft = new Map();
  }

  toState(): Readonly<Record<string, BackfillState>> {
    const text = (one: Backfill): BackfillState => ({
      ...one,
      ...(Object.fromEntries(TIMES.map((time) => [time, String(one[time])])) as Record<
        Time,
        string
      >),
    });
    return Object.fromEntries([...this.#all].map(([window, one]) => [window, text(one)]));
  }

  restore(state: Readonly<Record<string, BackfillState>>): void {
    const read = (one: BackfillState): Backfill => ({
      ...one,
      ...(Object.fromEntries(TIMES.map((time) => [time, BigInt(one[time])])) as Record<
        Time,
        bigint
      >),
    });
    this.#all = new Map(Object.entries(state).map(([window, one]) => [window, read(one)]));
  }

  #find(window: string): Backfill | undefined {
    return this.#draft.get(window) ?? this.#all.get(window);
  }
}
