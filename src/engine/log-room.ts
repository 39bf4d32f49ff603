/** Whether the log's disk has room for what it refused. */

export interface LogRoomOptions {
  /** Bytes that the log's disk has left. */
  readonly freeBytes: () => Promise<number>;
  /** Writes something small into the log. */
  readonly write: () => Promise<unknown>;
}

/** What an entry needs beside its body: its frame, and the rest of a block that it begins. */
const FRAME_BYTES = 4096;

/**
 * A full disk still takes a small entry, because its last block has some bytes left. So the log
 * counts as full until something as large as what was refused is written, or there is room for it.
 */
export class LogRoom {
  readonly #options: LogRoomOptions;
  /** Of the largest entry that was refused; 0 where none was. */
  #refusedBytes = 0;
  #isTrying = false;

  constructor(options: LogRoomOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#refusedBytes > 0;
  }

  refused(bodyBytes: number): void {
    this.#refusedBytes = Math.max(this.#refusedBytes, bodyBytes + FRAME_BYTES);
  }

  written(bodyBytes: number): void {
    if (bodyBytes + FRAME_BYTES >= this.#refusedBytes) this.#refusedBytes = 0;
  }

  /** Where nobody sends anything. It asks first, so that trying does not fill the disk up. */
  async tryAgain(): Promise<void> {
    if (!this.isFull || this.#isTrying) return;
    this.#isTrying = true;
    try {
      if ((await this.#options.freeBytes()) < this.#refusedBytes) return;
      // A quota may say no where the disk says yes.
      await this.#options.write();
      this.#refusedBytes = 0;
    } catch {
      // The next beat tries again.
    } finally {
      this.#isTrying = false;
    }
  }
}
