/** Windows of one dataset: every result is computed anew from all rows, whenever it may change. */
import { type GridPlan, type WindowPlan } from "../../src/plan/plan.ts";
import { aggregateRows } from "./aggregate.ts";
import { evaluate } from "./expression.ts";
import { type Lower, resultsOf, resultsOver } from "./nested.ts";
import { inOrder, type LateRow, type WindowResult } from "./result.ts";
import { OracleSessions } from "./sessions.ts";
import { identities, identity, type Row, type StoredRow, type Value } from "./value.ts";
import { type OracleWindow, windowsOf } from "./window-of.ts";

interface Group {
  readonly window: OracleWindow;
  readonly by: readonly Value[];
  lateCount: number;
  result: WindowResult | null;
}

export class OracleWindows {
  readonly #windows: readonly (OneWindow | OracleSessions)[];
  readonly #lateRows: LateRow[] = [];

  constructor(plans: readonly WindowPlan[]) {
    this.#windows = plans.map((plan) =>
      plan.kind === "session" ? new OracleSessions(plan) : new OneWindow(plan),
    );
  }

  /**
   * A row is stored; `watermarkUs` is what it met, `stored` holds it already. One that only takes
   * back what it replaces is not stored.
   */
  add(
    row: StoredRow & { readonly takesBack?: boolean },
    replaced: StoredRow | undefined,
    watermarkUs: bigint | null,
    stored: readonly StoredRow[],
  ): void {
    for (const window of this.#windows) {
      this.#lateRows.push(...window.add(row, replaced, watermarkUs, stored));
    }
  }

  /** A row of history beside live ones: `metUs` is the lower of its watermark and the live one. */
  addBeside(
    row: StoredRow,
    replaced: StoredRow | undefined,
    metUs: bigint | null,
    liveUs: bigint | null,
    stored: readonly StoredRow[],
  ): void {
    for (const window of this.#windows) {
      this.#lateRows.push(...window.addBeside(row, replaced, metUs, liveUs, stored));
    }
  }

  /** Windows that wait for history, and end by then, take it in. */
  settle(boundUs: bigint, stored: readonly StoredRow[]): void {
    for (const window of this.#windows) window.settle(boundUs, stored);
  }

  advance(watermarkUs: bigint | null, stored: readonly StoredRow[]): void {
    if (watermarkUs === null) return;
    for (const window of this.#windows) window.advance(watermarkUs, stored);
  }

  /** At a tick: early results, as if every throttle were over. */
  emit(stored: readonly StoredRow[]): void {
    for (const window of this.#windows) {
      if (window.plan.emit === "update") window.emit(stored);
    }
  }

  /** Windows over windows too, `above` in any order. */
  results(above: readonly WindowPlan[]): ReadonlyMap<string, readonly WindowResult[]> {
    const results = new Map(this.#windows.map((window) => [window.plan.name, window.results()]));
    const lower = new Map<string, Lower>();
    for (const window of this.#windows) {
      if (window instanceof OneWindow) lower.set(window.plan.name, window.lower());
    }
    for (let more = true; more;) {
      more = false;
      for (const plan of above) {
        const from = lower.get(plan.from);
        if (from === undefined || lower.has(plan.name) || plan.kind !== "tumbling") continue;
        const own = resultsOver(plan, from);
        lower.set(plan.name, own);
        results.set(plan.name, resultsOf(own));
        more = true;
      }
    }
    return results;
  }

  lateRows(): readonly LateRow[] {
    return this.#lateRows;
  }

  /** Late rows count after all, in the windows that start in the range. */
  replayLate(
    { window, fromUs, toUs }: { window: string; fromUs: bigint; toUs: bigint },
    stored: readonly StoredRow[],
  ): void {
    const found = this.#windows.find((one) => one.plan.name === window);
    const waiting = this.#lateRows.filter(
      (one) =>
        one.window === window &&
        one.isReplayed !== true &&
        one.startUs >= fromUs &&
        one.startUs < toUs,
    );
    const counted = found?.replay(waiting, stored) ?? [];
    for (const [index, one] of this.#lateRows.entries()) {
      if (counted.includes(one)) this.#lateRows[index] = { ...one, isReplayed: true };
    }
  }
}

class OneWindow {
  readonly plan: GridPlan;
  /** Results that were published once, or took in a late row. */
  readonly #groups = new Map<string, Group>();
  /** Rows that came too late for a window: they are stored, but count for nothing there. */
  readonly #excluded = new Map<bigint, Set<number>>();
  /** Windows that were over before rows of history came into them, by start. */
  readonly #waiting = new Map<bigint, OracleWindow>();
  #closedUntilUs: bigint | null = null;
  /** Of the last tick, with revision 0. */
  #early: readonly WindowResult[] = [];

  constructor(plan: GridPlan) {
    this.plan = plan;
  }

  add(
    row: StoredRow & { readonly takesBack?: boolean },
    replaced: StoredRow | undefined,
    watermarkUs: bigint | null,
    stored: readonly StoredRow[],
  ): readonly LateRow[] {
    if (watermarkUs === null) return [];
    const late = new Map<bigint, LateRow>();
    const dirty = new Map<string, Group>();
    for (const [version, isOwn] of [
      [row.takesBack === true ? undefined : row, true],
      [replaced, false],
    ] as const) {
      if (version === undefined || !this.#takes(version.row)) continue;
      for (const window of this.#windowsOf(version.eventTimeUs)) {
        if (window.endUs > watermarkUs) continue;
        if (this.#isCorrected(window, watermarkUs)) {
          const group = this.#group(window, this.#byOf(version.row));
          dirty.set(groupKey(group.window, group.by), group);
          continue;
        }
        if (isOwn) this.#exclude(window, row.seq);
        late.set(window.startUs, {
          ...window,
          window: this.plan.name,
          seq: row.seq,
          row: row.row,
          watermarkUs,
        });
      }
    }
    for (const group of dirty.values()) {
      group.lateCount++;
      this.#publish(group, stored);
    }
    return [...late.values()];
  }

  addBeside(
    row: StoredRow,
    replaced: StoredRow | undefined,
    metUs: bigint | null,
    liveUs: bigint | null,
    stored: readonly StoredRow[],
  ): readonly LateRow[] {
    for (const window of this.#windowsOf(row.eventTimeUs)) {
      const isPassed = metUs !== null && window.endUs <= metUs;
      if (!isPassed && liveUs !== null && window.endUs <= liveUs) {
        this.#waiting.set(window.startUs, window);
      }
    }
    return this.add(row, replaced, metUs, stored);
  }

  settle(boundUs: bigint, stored: readonly StoredRow[]): void {
    for (const window of [...this.#waiting.values()]) {
      if (window.endUs > boundUs) continue;
      this.#waiting.delete(window.startUs);
      const groups = new Set(
        [...this.#groups.values()].filter((one) => one.window.startUs === window.startUs),
      );
      for (const one of stored) {
        const isIn = this.#windowsOf(one.eventTimeUs).some((w) => w.startUs === window.startUs);
        if (isIn && this.#counts(one, window)) groups.add(this.#group(window, this.#byOf(one.row)));
      }
      for (const group of groups) this.#publish(group, stored);
    }
  }

  #isCorrected(window: OracleWindow, watermarkUs: bigint): boolean {
    if (this.plan.late === "side") return false;
    return window.endUs + BigInt(this.plan.allowedLatenessUs) > watermarkUs;
  }

  /** Publishes every window that ends between the last watermark and this one. */
  advance(watermarkUs: bigint, stored: readonly StoredRow[]): void {
    const afterUs = this.#closedUntilUs;
    if (afterUs !== null && watermarkUs <= afterUs) return;
    this.#closedUntilUs = watermarkUs;
    const closing = new Map<string, Group>();
    for (const one of stored) {
      for (const window of this.#windowsOf(one.eventTimeUs)) {
        const isClosing =
          window.endUs <= watermarkUs && (afterUs === null || window.endUs > afterUs);
        if (!isClosing || !this.#counts(one, window)) continue;
        const group = this.#group(window, this.#byOf(one.row));
        closing.set(groupKey(group.window, group.by), group);
      }
    }
    for (const group of closing.values()) this.#publish(group, stored);
  }

  emit(stored: readonly StoredRow[]): void {
    const open = new Map<string, Group>();
    for (const one of stored) {
      if (!this.#takes(one.row)) continue;
      for (const window of this.#windowsOf(one.eventTimeUs)) {
        const by = this.#byOf(one.row);
        if (this.#isOpen(window)) {
          open.set(groupKey(window, by), { window, by, lateCount: -1, result: null });
        }
      }
    }
    for (const group of open.values()) this.#publish(group, stored);
    this.#early = [...open.values()].flatMap((one) => (one.result === null ? [] : [one.result]));
  }

  #isOpen(window: OracleWindow): boolean {
    return this.#closedUntilUs !== null && window.endUs > this.#closedUntilUs;
  }

  #publish(group: Group, stored: readonly StoredRow[]): void {
    const key = groupKey(group.window, group.by);
    const { startUs, endUs } = group.window;
    const rows = stored.filter(
      (one) =>
        one.eventTimeUs >= startUs &&
        one.eventTimeUs < endUs &&
        this.#counts(one, group.window) &&
        groupKey(group.window, this.#byOf(one.row)) === key,
    );
    if (rows.length === 0) {
      group.result = null;
      return;
    }
    const { by, measures } = this.plan;
    group.result = {
      ...group.window,
      by: Object.fromEntries(by.map((one, index) => [one.name, group.by[index] ?? null])),
      measures: Object.fromEntries(
        measures.map((one) => [one.name, aggregateRows(one.aggregate, rows)]),
      ),
      revision: 1 + group.lateCount,
    };
  }

  /** All rows of these windows count now: what differs is a new revision. */
  replay(late: readonly LateRow[], stored: readonly StoredRow[]): readonly LateRow[] {
    const starts = new Set(late.map((one) => one.startUs));
    const groups = new Map(
      [...this.#groups].filter(([, group]) => starts.has(group.window.startUs)),
    );
    for (const startUs of starts) this.#excluded.delete(startUs);
    for (const one of stored) {
      for (const window of this.#windowsOf(one.eventTimeUs)) {
        if (!starts.has(window.startUs) || !this.#takes(one.row)) continue;
        const group = this.#group(window, this.#byOf(one.row));
        groups.set(groupKey(window, group.by), group);
      }
    }
    for (const group of groups.values()) {
      const before = measureText(group.result);
      this.#publish(group, stored);
      if (measureText(group.result) === before) continue;
      group.lateCount++;
      this.#publish(group, stored);
    }
    return late;
  }

  #exclude(window: OracleWindow, seq: number): void {
    const excluded = this.#excluded.get(window.startUs) ?? new Set();
    this.#excluded.set(window.startUs, excluded.add(seq));
  }

  #counts(one: StoredRow, window: OracleWindow): boolean {
    const isExcluded = this.#excluded.get(window.startUs)?.has(one.seq) === true;
    return !isExcluded && this.#takes(one.row);
  }

  #takes(row: Row): boolean {
    return this.plan.where === null || evaluate(this.plan.where, row) === true;
  }

  #byOf(row: Row): readonly Value[] {
    return this.plan.by.map((one) => evaluate(one.expression, row));
  }

  #windowsOf(timeUs: bigint): readonly OracleWindow[] {
    return windowsOf(this.plan, timeUs);
  }

  #group(window: OracleWindow, by: readonly Value[]): Group {
    const key = groupKey(window, by);
    const known = this.#groups.get(key) ?? { window, by, lateCount: 0, result: null };
    this.#groups.set(key, known);
    return known;
  }

  lower(): Lower {
    const closed = this.#closedUntilUs;
    const open = closed === null ? [] : this.#windowsOf(closed).map((one) => one.startUs);
    const openFromUs = closed === null ? null : open.reduce((a, b) => (b < a ? b : a));
    const known = [...this.#groups.values()];
    return {
      plan: this.plan,
      groups: known.filter((one) => one.result !== null || one.lateCount > 0),
      openFromUs,
    };
  }

  results(): readonly WindowResult[] {
    const results = [...this.#groups.values()].flatMap((one) =>
      one.result === null ? [] : [one.result],
    );
    return inOrder([...results, ...this.#early.filter((one) => this.#isOpen(one))]);
  }
}

function groupKey(window: OracleWindow, by: readonly Value[]): string {
  return `${window.startUs} ${identities(by)}`;
}

function measureText(result: WindowResult | null): string {
  if (result === null) return "none";
  const values = Object.entries(result.measures).map(([name, value]) => [name, identity(value)]);
  return JSON.stringify(values);
}
