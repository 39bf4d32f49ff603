/** What a scanner tells of a body: which lines are plain, and where the others lie. */

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

export interface Scan {
  /** Rows in the body, plain or not; blank lines do not count. */
  readonly rows: number;
  /** Lines that the exact lane has to look at, in order. */
  readonly suspects: readonly SuspectLine[];
  /** True where blank lines make line numbers differ from row numbers. */
  readonly hasBlankLines: boolean;
  /** Of the plain rows. */
  readonly order: TimeOrder;
}

export interface ScanLimits {
  /** A row later than this is a suspect: the exact lane refuses it with a reason. */
  readonly maxEventTimeUs: number;
  readonly maxLineBytes: number;
}
