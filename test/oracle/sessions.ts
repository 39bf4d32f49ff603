/** Sessions of one dataset: all of a group's rows are looked at again whenever one comes. */
import { type SessionPlan } from "../../src/plan/plan.ts";
import { aggregateRows } from "./aggregate.ts";
import { evaluate } from "./expression.ts";
import { inOrder, type LateRow, type WindowResult } from "./result.ts";
import { identities, type StoredRow, type Value } from "./value.ts";

interface Session {
  readonly rows: readonly StoredRow[];
  /** What its revision has grown by. */
  readonly steps: number;
}

interface Group {
  readonly by: readonly Value[];
  sessions: readonly Session[];
  /** Rows of history that count later. */
  waiting: readonly StoredRow[];
}

export class OracleSessions {
  readonly plan: SessionPlan;
  readonly #groups = new Map<string, Group>();
  #watermarkUs: bigint | null = null;
  #early: readonly WindowResult[] = [];

  constructor(plan: SessionPlan) {
    this.plan = plan;
  }

  add(row: StoredRow, _replaced: unknown, watermarkUs: bigint | null): readonly LateRow[] {
    if (this.plan.where !== null && evaluate(this.plan.where, row.row) !== true) return [];
    const by = this.plan.by.map((one) => evaluate(one.expression, row.row));
    const group = this.#groups.get(identities(by)) ?? { by, sessions: [], waiting: [] };
    this.#groups.set(identities(by), group);
    const all = [...group.sessions.flatMap((one) => one.rows), row];
    const rows = this.#islandOf(all, row);
    const [startUs, endUs] = this.#span(rows);
    const parts = group.sessions.filter((one) => one.rows.some((part) => rows.includes(part)));
    const isOver = (one: Session): boolean =>
      watermarkUs !== null && this.#span(one.rows)[1] <= watermarkUs;
    const overParts = parts.some(isOver);
    const isOverNow = watermarkUs !== null && endUs <= watermarkUs;
    if (watermarkUs !== null && this.#isTooLate(endUs, watermarkUs, overParts)) {
      const { seq } = row;
      return [{ startUs, endUs, window: this.plan.name, seq, row: row.row, watermarkUs }];
    }
    let steps = parts.reduce((sum, one) => sum + one.steps, 0);
    if (isOverNow) steps += 1;
    else if (overParts) steps += 2;
    group.sessions = [...group.sessions.filter((one) => !parts.includes(one)), { rows, steps }];
    return [];
  }

  /** What lies behind the live watermark waits until the history has passed its session. */
  addBeside(
    row: StoredRow,
    _replaced: unknown,
    metUs: bigint | null,
    liveUs: bigint | null,
  ): readonly LateRow[] {
    if (liveUs === null || row.eventTimeUs >= liveUs) return this.add(row, undefined, liveUs);
    if (this.plan.where !== null && evaluate(this.plan.where, row.row) !== true) return [];
    const by = this.plan.by.map((one) => evaluate(one.expression, row.row));
    const group = this.#groups.get(identities(by)) ?? { by, sessions: [], waiting: [] };
    this.#groups.set(identities(by), group);
    const accepted = [...group.sessions.flatMap((one) => one.rows), ...group.waiting];
    const [startUs, endUs] = this.#span(this.#islandOf([...accepted, row], row));
    const latenessUs = this.plan.late === "side" ? 0 : this.plan.allowedLatenessUs;
    if (metUs !== null && endUs + BigInt(latenessUs) <= metUs) {
      const { seq } = row;
      return [{ startUs, endUs, window: this.plan.name, seq, row: row.row, watermarkUs: metUs }];
    }
    group.waiting = [...group.waiting, row];
    return [];
  }

  settle(boundUs: bigint): void {
    for (const group of this.#groups.values()) {
      const all = [...group.sessions.flatMap(({ rows }) => rows), ...group.waiting];
      for (const row of group.waiting) {
        const rows = this.#islandOf(all, row);
        if (this.#span(rows)[1] > boundUs) continue;
        const others = group.sessions.filter((part) => !part.rows.some((r) => rows.includes(r)));
        group.sessions = [...others, { rows, steps: 0 }];
        group.waiting = group.waiting.filter((one) => !rows.includes(one));
      }
    }
  }

  #isTooLate(endUs: bigint, watermarkUs: bigint, overParts: boolean): boolean {
    if (this.plan.late === "side") return overParts || endUs <= watermarkUs;
    return endUs + BigInt(this.plan.allowedLatenessUs) <= watermarkUs;
  }

  /** The rows around one, up to the first gap on each side. */
  #islandOf(rows: readonly StoredRow[], row: StoredRow): readonly StoredRow[] {
    const sorted = rows.toSorted((a, b) => (a.eventTimeUs < b.eventTimeUs ? -1 : 1));
    const islands: StoredRow[][] = [];
    for (const one of sorted) {
      const last = islands.at(-1)?.at(-1);
      const isNear = last !== undefined && one.eventTimeUs - last.eventTimeUs < this.plan.gapUs;
      if (isNear) islands.at(-1)?.push(one);
      else islands.push([one]);
    }
    return islands.find((island) => island.includes(row)) ?? [row];
  }

  #span(rows: readonly StoredRow[]): readonly [startUs: bigint, endUs: bigint] {
    const times = rows.map((one) => one.eventTimeUs);
    const startUs = times.reduce((a, b) => (b < a ? b : a));
    return [startUs, times.reduce((a, b) => (b > a ? b : a)) + BigInt(this.plan.gapUs)];
  }

  /** Late rows whose sessions are over join them. */
  replay(late: readonly LateRow[], stored: readonly StoredRow[]): readonly LateRow[] {
    const counted: LateRow[] = [];
    for (const [key, group] of this.#groups) {
      const chosen = late.flatMap((one) => {
        const row = stored.find(({ seq }) => seq === one.seq);
        const by = this.plan.by.map(({ expression }) => evaluate(expression, one.row));
        return row !== undefined && identities(by) === key ? [{ one, row }] : [];
      });
      const all = [...group.sessions.flatMap(({ rows }) => rows), ...chosen.map(({ row }) => row)];
      for (const { one, row } of chosen) {
        const rows = this.#islandOf(all, row);
        if (this.#watermarkUs === null || this.#span(rows)[1] > this.#watermarkUs) continue;
        counted.push(one);
        const parts = group.sessions.filter((part) => part.rows.some((r) => rows.includes(r)));
        // Of several rows in one session, the first has joined it already.
        if (parts.some((part) => part.rows.includes(row))) continue;
        const steps = 1 + Math.max(0, ...parts.map((part) => part.steps));
        const others = group.sessions.filter((part) => !parts.includes(part));
        group.sessions = [...others, { rows, steps }];
      }
    }
    return counted;
  }

  advance(watermarkUs: bigint): void {
    if (this.#watermarkUs === null || watermarkUs > this.#watermarkUs)
      this.#watermarkUs = watermarkUs;
  }

  /** At a tick: early results of the sessions that are open. */
  emit(): void {
    this.#early = this.#all()
      .filter((one) => this.#isOpen(one.endUs))
      .map((one) => ({ ...one, revision: 0 }));
  }

  #isOpen(endUs: bigint): boolean {
    return this.#watermarkUs !== null && endUs > this.#watermarkUs;
  }

  results(): readonly WindowResult[] {
    const over = this.#all().filter(
      (one) => this.#watermarkUs !== null && !this.#isOpen(one.endUs),
    );
    return inOrder([...over, ...this.#early.filter((one) => this.#isOpen(one.endUs))]);
  }

  #all(): readonly WindowResult[] {
    const results: WindowResult[] = [];
    for (const { by, sessions } of this.#groups.values()) {
      for (const { rows, steps } of sessions) {
        const [startUs, endUs] = this.#span(rows);
        results.push({
          startUs,
          endUs,
          by: Object.fromEntries(this.plan.by.map(({ name }, at) => [name, by[at] ?? null])),
          measures: Object.fromEntries(
            this.plan.measures.map((one) => [one.name, aggregateRows(one.aggregate, rows)]),
          ),
          revision: 1 + steps,
        });
      }
    }
    return results;
  }
}
