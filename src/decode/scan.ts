/** What a scanner tells of a body: which lines are plain, and where the others lie. */

export interface SuspectLine {
  /** 1-based line of the body. */
  readonly line: number;
  /** Byte range of the line, without its line break. */
  readonly start: number;
  readonly end: number;
}

export interface Scan {
  /** Rows in the body, plain or not; blank lines do not count. */
  readonly rows: number;
  /** Lines that the exact lane has to look at, in order. */
  readonly suspects: readonly SuspectLine[];
  /** True where blank lines make line numbers differ from row numbers. */
  readonly hasBlankLines: boolean;
}

export interface ScanLimits {
  /** A row later than this is a suspect: the exact lane refuses it with a reason. */
  readonly maxEventTimeUs: number;
  readonly maxLineBytes: number;
}
