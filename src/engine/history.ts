/** What the engine remembers of its recent past for the people and doors that watch it. */
import { type CheckpointRecord } from "./checkpointer.ts";
import { type CommitListener } from "./engine.ts";

const MAX_RECORDS = 100;

/** The last checkpoints, oldest first. */
export class CheckpointHistory {
  readonly #records: CheckpointRecord[];

  constructor(records: readonly CheckpointRecord[]) {
    this.#records = [...records];
  }

  add(record: CheckpointRecord): void {
    this.#records.push(record);
    if (this.#records.length > MAX_RECORDS) this.#records.shift();
  }

  get all(): readonly CheckpointRecord[] {
    return this.#records;
  }

  get last(): CheckpointRecord | null {
    return this.#records.at(-1) ?? null;
  }
}

/** Who wants to know of commits, and how many each table has had. */
export class Commits {
  readonly #listeners = new Set<CommitListener>();
  readonly #counts = new Map<string, number>();

  publish(changed: readonly string[]): void {
    for (const name of changed) this.#counts.set(name, this.countOf(name) + 1);
    for (const listener of this.#listeners) listener(changed);
  }

  countOf(table: string): number {
    return this.#counts.get(table) ?? 0;
  }

  listen(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
