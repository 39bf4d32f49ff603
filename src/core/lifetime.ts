/**
 * Owns what was opened and closes it in reverse order: `AsyncDisposableStack`, which Node 20 lacks.
 */

interface Closable {
  [Symbol.asyncDispose](): PromiseLike<void>;
}

/**
 * `await using opening = new Lifetime()` closes the earlier things when a later one fails to open;
 * `move()` hands them on once everything is open.
 */
export class Lifetime implements AsyncDisposable {
  #owned: Closable[] = [];

  own<T extends Closable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  defer(close: () => Promise<void>): void {
    this.#owned.push({ [Symbol.asyncDispose]: close });
  }

  move(): Lifetime {
    const moved = new Lifetime();
    moved.#owned = this.#owned;
    this.#owned = [];
    return moved;
  }

  /** Closes everything even when one of them fails; the first failure is then thrown. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let thing = this.#owned.pop(); thing !== undefined; thing = this.#owned.pop()) {
      try {
        await thing[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
