/**
 * How far each sink is: the stage that makes stored rows an outbox. Rows are the messages and
 * `_seq` is their order, so nothing is written twice; what is kept is a cursor for each sink.
 *
 * A replay may group log entries otherwise than the first run did, and then the same row gets
 * another `_seq`. So what goes through the log is a position (“everything that follows from entries
 * up to here is delivered”), and the marks say which `_seq` that means in this run.
 */
import { type Stage } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type Plan, type SinkPlan } from "../plan/plan.ts";

/** All rows before `endSeq` follow from log entries up to `position`. */
type Mark = readonly [position: number, endSeq: number];

interface Cursor {
  /** Every row up to this one is delivered, or was left out. */
  readonly deliveredSeq: number;
  /** Since the sink was declared. */
  readonly delivered: number;
  readonly skipped: number;
  readonly isPaused: boolean;
}

export type OutboxCommand =
  | { readonly kind: "delivered"; readonly upTo: Readonly<Record<string, number>> }
  | { readonly kind: "pause" | "resume"; readonly sink: string };

export interface OutboxState {
  readonly sinks: Readonly<Record<string, Cursor & { readonly from: string }>>;
  readonly marks: Readonly<Record<string, readonly Mark[]>>;
  /** How often a source was computed anew: its rows are other deliveries then. */
  readonly epochs: Readonly<Record<string, number>>;
}

/** More marks than this are thinned: a restart then repeats a little more, and loses nothing. */
const MAX_MARKS = 4096;

export class Outbox implements Stage {
  readonly name = "outbox";
  readonly #sinks: readonly SinkPlan[];
  readonly #sources: readonly string[];
  #cursors = new Map<string, Cursor>();
  #marks = new Map<string, Mark[]>();
  #epochs = new Map<string, number>();
  /** First free `_seq` of each source, as far as rows are visible. */
  readonly #ends = new Map<string, number>();
  readonly #acknowledged = new Map<string, number>();
  #nextSeqOf: (table: string) => number = () => 1;
  #commandDraft: OutboxCommand[] = [];
  #listener: (sources: readonly string[]) => void = () => undefined;

  constructor(plan: Plan) {
    this.#sinks = plan.sinks;
    this.#sources = [...new Set(plan.sinks.map((sink) => sink.from))];
  }

  apply(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }

  tick(): Promise<void> {
    return Promise.resolve();
  }

  control(_: Transaction, command: unknown): Promise<void> {
    this.#commandDraft.push(command as OutboxCommand);
    return Promise.resolve();
  }

  commit(position: number): void {
    const before = new Map(this.#ends);
    for (const source of this.#sources) this.#mark(source, position, this.#nextSeqOf(source));
    for (const command of this.#commandDraft) this.#obey(command);
    this.rollback();
    const moved = this.#sources.filter((one) => this.endSeqOf(one) !== (before.get(one) ?? 1));
    if (moved.length > 0) this.#listener(moved);
  }

  /**
   * Told of the sources whose end has moved, also where numbers were given and no rows came of
   * them: to those that read up to the end, that is news too.
   */
  listen(listener: (sources: readonly string[]) => void): void {
    this.#listener = listener;
  }

  rollback(): void {
    this.#commandDraft = [];
  }

  #mark(source: string, position: number, endSeq: number): void {
    if (endSeq === this.endSeqOf(source)) return;
    this.#ends.set(source, endSeq);
    const marks = this.#marks.get(source) ?? [];
    marks.push([position, endSeq]);
    this.#marks.set(source, marks.length > MAX_MARKS ? thinned(marks) : marks);
  }

  #obey(command: OutboxCommand): void {
    if (command.kind === "delivered") {
      for (const [name, position] of Object.entries(command.upTo)) this.#raise(name, position);
      return;
    }
    const cursor = this.#cursors.get(command.sink);
    if (cursor === undefined) return;
    this.#cursors.set(command.sink, { ...cursor, isPaused: command.kind === "pause" });
  }

  /** In the first run the cursor is there already; in a replay this is what moves it. */
  #raise(name: string, position: number): void {
    const sink = this.#sinks.find((one) => one.name === name);
    const cursor = this.#cursors.get(name);
    if (sink === undefined || cursor === undefined) return;
    const mark = this.#marks.get(sink.from)?.findLast(([at]) => at <= position);
    if (mark !== undefined && mark[1] - 1 > cursor.deliveredSeq) {
      this.#cursors.set(name, { ...cursor, deliveredSeq: mark[1] - 1 });
    }
    this.#acknowledged.set(name, Math.max(position, this.#acknowledged.get(name) ?? 0));
    this.#forgetMarks(sink.from);
  }

  /** A mark whose rows all of the source's sinks have is asked for by nobody. */
  #forgetMarks(source: string): void {
    const own = this.#sinks.filter((sink) => sink.from === source);
    const lowest = Math.min(
      ...own.map(({ name }) => {
        const acknowledged = this.#acknowledged.get(name);
        return acknowledged ?? 0;
      }),
    );
    const marks = this.#marks.get(source) ?? [];
    this.#marks.set(
      source,
      marks.filter(([position]) => position >= lowest),
    );
  }

  cursorOf(name: string): Cursor {
    return (
      this.#cursors.get(name) ?? { deliveredSeq: 0, delivered: 0, skipped: 0, isPaused: false }
    );
  }

  /** First free `_seq`: rows before it are visible. */
  endSeqOf(source: string): number {
    return this.#ends.get(source) ?? 1;
  }

  epochOf(source: string): number {
    return this.#epochs.get(source) ?? 0;
  }

  /** The sink has all rows up to `seq`; a restart knows of it once `acknowledgement` is logged. */
  advance(name: string, seq: number, counts: { delivered?: number; skipped?: number }): void {
    const cursor = this.cursorOf(name);
    if (seq < cursor.deliveredSeq) return;
    this.#cursors.set(name, {
      ...cursor,
      deliveredSeq: seq,
      delivered: cursor.delivered + (counts.delivered ?? 0),
      skipped: cursor.skipped + (counts.skipped ?? 0),
    });
  }

  /** What the log does not know yet; null when there is nothing. */
  acknowledgement(): OutboxCommand | null {
    const upTo: Record<string, number> = {};
    for (const { name, from } of this.#sinks) {
      const { deliveredSeq } = this.cursorOf(name);
      const mark = this.#marks.get(from)?.findLast(([, endSeq]) => endSeq - 1 <= deliveredSeq);
      if (mark === undefined || mark[0] <= (this.#acknowledged.get(name) ?? 0)) continue;
      upTo[name] = mark[0];
    }
    return Object.keys(upTo).length === 0 ? null : { kind: "delivered", upTo };
  }

  state(): OutboxState {
    const sinks = this.#sinks.map(
      ({ name, from }) => [name, { ...this.cursorOf(name), from }] as const,
    );
    return {
      sinks: Object.fromEntries(sinks),
      marks: Object.fromEntries(this.#marks),
      epochs: Object.fromEntries(this.#epochs),
    };
  }

  restore(state: unknown): void {
    const { sinks, marks, epochs } = state as OutboxState;
    for (const { name, from } of this.#sinks) {
      const found = sinks[name];
      if (found === undefined || found.from !== from) continue;
      const { deliveredSeq, delivered, skipped, isPaused } = found;
      this.#cursors.set(name, { deliveredSeq, delivered, skipped, isPaused });
    }
    const kept = Object.entries(marks).filter(([source]) => this.#sources.includes(source));
    this.#marks = new Map(kept.map(([source, list]) => [source, [...list]]));
    this.#epochs = new Map(Object.entries(epochs));
  }

  /** A sink that is new begins at the first row, or behind the last. */
  opened(nextSeqOf: (table: string) => number): void {
    this.#nextSeqOf = nextSeqOf;
    for (const { name, from, start } of this.#sinks) {
      const endSeq = nextSeqOf(from);
      this.#ends.set(from, endSeq);
      if (this.#cursors.has(name)) continue;
      const deliveredSeq = start === "latest" ? endSeq - 1 : 0;
      this.#cursors.set(name, { deliveredSeq, delivered: 0, skipped: 0, isPaused: false });
    }
  }

  status(): Readonly<Record<string, unknown>> {
    return { ...this.state() };
  }
}

/** Every second one goes; the last one stays. */
function thinned(marks: readonly Mark[]): Mark[] {
  return marks.filter((_, index) => (marks.length - 1 - index) % 2 === 0);
}

/** The outbox's state after sources were removed, or are to be computed again from the start. */
export function withoutDroppedSources(state: unknown, dropped: ReadonlySet<string>): unknown {
  if (state === undefined) return undefined;
  const { sinks, marks, epochs } = state as OutboxState;
  const restarted = Object.entries(sinks).map(([name, one]) => {
    return [name, dropped.has(one.from) ? { ...one, deliveredSeq: 0 } : one] as const;
  });
  const next = { ...epochs };
  for (const name of dropped) next[name] = (next[name] ?? 0) + 1;
  return {
    sinks: Object.fromEntries(restarted),
    marks: Object.fromEntries(Object.entries(marks).filter(([name]) => !dropped.has(name))),
    epochs: next,
  };
}
