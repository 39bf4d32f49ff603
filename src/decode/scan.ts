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
class Turns {
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

/** Knows how the lines of one format begin and end. */
export interface LineReader {
  /** Event time of the plain line that was read last. */
  readonly timeUs: number;
  /**
   * Offset of the line's end when the line is plain, else -1. The row is written and does not count
   * yet.
   */
  plainEnd(start: number): number;
  /** Offset of the line's end, whatever it holds. */
  end(start: number): number;
  isBlank(start: number, end: number): boolean;
  /** Line breaks inside of the line. */
  breaks(start: number, end: number): number;
}

/**
 * Takes plain lines into the columns and hands the others on, in their order. `from` is the offset
 * and the number of the first line. Gives the number of rows, plain or not; blank lines do not
 * count.
 */
export async function scanLines(
  body: Uint8Array,
  from: { readonly start: number; readonly line: number },
  reader: LineReader,
  limits: ScanLimits,
  { columns, clock, onSuspect }: ScanTarget,
): Promise<number> {
  const turns = new Turns();
  let rows = 0;
  let { start, line } = from;
  while (start < body.length) {
    if (turns.isOver(start)) await turns.next(start);
    let end = limits.everyLine ? -1 : reader.plainEnd(start);
    let breaks = 0;
    if (end >= 0 && end - start <= limits.maxLineBytes) {
      columns.add();
      clock.note(reader.timeUs);
      rows++;
    } else {
      columns.abandon();
      end = reader.end(start);
      breaks = reader.breaks(start, end);
      if (!reader.isBlank(start, end)) {
        rows++;
        if (!onSuspect({ line, start, end })) return rows;
      }
    }
    line += 1 + breaks;
    start = end + 1;
  }
  return rows;
}
