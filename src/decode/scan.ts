/** What a scanner tells of a body: how its rows lie in time, and which lines are not plain. */

import { type RowColumns } from "./row-columns.ts";

export interface SuspectLine {
  /** 1-based line of the body. */
  readonly line: number;
  /** Byte range of the line, without its line break. */
  readonly start: number;
  readonly end: number;
}

/**
 * How the event times of some rows lie, in microseconds: `disorderUs` is how far a row stays behind
 * the latest row before it, at most. Numbers, because scanning has to be quick; see `isExact`.
 */
export interface TimeOrder {
  readonly minUs: number;
  readonly maxUs: number;
  readonly disorderUs: number;
}

/** Follows the event times of a body's rows. */
export class RowClock {
  #minUs = Number.POSITIVE_INFINITY;
  #maxUs = Number.NEGATIVE_INFINITY;
  #disorderUs = 0;

  note(timeUs: number): void {
    if (timeUs > this.#maxUs) this.#maxUs = timeUs;
    else if (this.#maxUs - timeUs > this.#disorderUs) this.#disorderUs = this.#maxUs - timeUs;
    if (timeUs < this.#minUs) this.#minUs = timeUs;
  }

  get order(): TimeOrder {
    return { minUs: this.#minUs, maxUs: this.#maxUs, disorderUs: this.#disorderUs };
  }
}

/** A body this long is scanned in turns, so that other requests are heard in between. */
const BYTES_A_TURN = 512 * 1024;

/** Lets go of the thread now and then. Caller: `if (turns.isOver(at)) await turns.next(at)`. */
export class Turns {
  #until = BYTES_A_TURN;

  isOver(at: number): boolean {
    return at >= this.#until;
  }

  async next(at: number): Promise<void> {
    this.#until = at + BYTES_A_TURN;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export const NO_ROWS: TimeOrder = {
  minUs: Number.POSITIVE_INFINITY,
  maxUs: Number.NEGATIVE_INFINITY,
  disorderUs: 0,
};

/** The order of the rows of `first` followed by those of `second`. */
export function followedBy(first: TimeOrder, second: TimeOrder): TimeOrder {
  return {
    minUs: Math.min(first.minUs, second.minUs),
    maxUs: Math.max(first.maxUs, second.maxUs),
    disorderUs: Math.max(first.disorderUs, second.disorderUs, first.maxUs - second.minUs),
  };
}

/** Doubles hold microseconds exactly from 1684 to 2255. */
export function isExact(order: TimeOrder): boolean {
  return Number.isSafeInteger(order.minUs) && Number.isSafeInteger(order.maxUs);
}

/** Where a scanner puts what it finds. */
export interface ScanTarget {
  readonly columns: RowColumns;
  readonly clock: RowClock;
  /** Takes a line that is not plain, in its turn; gives false to end the scan. */
  readonly onSuspect: (line: SuspectLine) => boolean;
}

export interface ScanLimits {
  /** A row later than this is a suspect: the exact lane refuses it with a reason. */
  readonly maxEventTimeUs: number;
  readonly maxLineBytes: number;
  /** No line is taken for plain: the body is not UTF-8, and the exact lane can say where. */
  readonly everyLine: boolean;
}
