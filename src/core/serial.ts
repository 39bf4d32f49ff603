/** Runs asynchronous work one piece after the other: for what has one writer. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** A failed piece fails its own caller only; the next one runs all the same. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async idle(): Promise<void> {
    await this.#last;
  }
}
