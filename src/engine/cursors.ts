/**
 * How far each source has come: changes in the transaction that stores the rows, so after any crash
 * both are there or neither.
 */
import { type Cursor } from "../log/entry.ts";

/** By source, by key. */
type All = ReadonlyMap<string, ReadonlyMap<string, string>>;

export class Cursors {
  #committed: All = new Map();
  #draft: All | null = null;

  set({ source, key, value }: Cursor): void {
    const all = this.#draft ?? this.#committed;
    // Set again at the end: the order is that of the last change.
    const own = new Map(all.get(source));
    own.delete(key);
    this.#draft = new Map(all).set(source, own.set(key, value));
  }

  forget(source: string, keys: readonly string[]): void {
    const all = this.#draft ?? this.#committed;
    const own = new Map(all.get(source));
    for (const key of keys) own.delete(key);
    this.#draft = new Map(all).set(source, own);
  }

  /** What is committed, least recently changed first. */
  of(source: string): ReadonlyMap<string, string> {
    return this.#committed.get(source) ?? new Map();
  }

  commit(): void {
    this.#committed = this.#draft ?? this.#committed;
    this.#draft = null;
  }

  rollback(): void {
    this.#draft = null;
  }

  state(): Readonly<Record<string, readonly (readonly [string, string])[]>> {
    return Object.fromEntries([...this.#committed].map(([source, own]) => [source, [...own]]));
  }

  restore(state: ReturnType<Cursors["state"]>): void {
    this.#committed = new Map(Object.entries(state).map(([name, own]) => [name, new Map(own)]));
  }
}
