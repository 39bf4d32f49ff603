/** Counts what came in, a dataset at a time. Part of the state, so a restart does not lose it. */
import { type Outcome } from "./outcome.ts";

export interface DatasetCounts {
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
}

const NOTHING: DatasetCounts = { received: 0, accepted: 0, rejected: 0, duplicates: 0, late: 0 };

export class Counters {
  #committed = new Map<string, DatasetCounts>();
  #draft = new Map<string, DatasetCounts>();

  add(dataset: string, outcome: Extract<Outcome, { kind: "applied" }>): void {
    const before = this.#draft.get(dataset) ?? this.of(dataset);
    this.#draft.set(dataset, {
      received: before.received + outcome.received,
      accepted: before.accepted + outcome.accepted,
      rejected: before.rejected + outcome.rejected,
      duplicates: before.duplicates + outcome.duplicates,
      late: before.late + outcome.late,
    });
  }

  of(dataset: string): DatasetCounts {
    return this.#committed.get(dataset) ?? NOTHING;
  }

  commit(): void {
    for (const [dataset, counts] of this.#draft) this.#committed.set(dataset, counts);
    this.#draft.clear();
  }

  rollback(): void {
    this.#draft.clear();
  }

  state(): Readonly<Record<string, DatasetCounts>> {
    return Object.fromEntries(this.#committed);
  }

  restore(state: Readonly<Record<string, DatasetCounts>>): void {
    this.#committed = new Map(Object.entries(state));
  }
}
