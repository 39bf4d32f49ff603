/** What late rows do to the sessions of one group, row by row in the order in which they came. */

export interface SessionRow {
  readonly seq: bigint;
  readonly timeUs: bigint;
  /** The watermark that the row met, where it came behind it: only such rows can be late. */
  readonly behindUs: bigint | null;
}

export interface KnownSession {
  readonly startUs: bigint;
  /** Of its last row: it ends a gap later. */
  readonly lastUs: bigint;
  /** A result of it is published. */
  readonly isPublished: boolean;
  /** What late rows have counted its revision up by. */
  readonly late: bigint;
}

export interface SessionRules {
  readonly gapUs: bigint;
  readonly allowedLatenessUs: bigint;
  readonly late: "update" | "side";
}

export interface Joined {
  /** Rows that came too late, with the session that they would have made. */
  readonly beyond: readonly { seq: bigint; startUs: bigint; endUs: bigint }[];
  /** By how much a row counts up the revision of the session that it is in. */
  readonly steps: readonly { seq: bigint; step: bigint }[];
  /** Starts of published sessions that are no longer what they were. */
  readonly swallowedUs: readonly bigint[];
  /**
   * Sessions that were closed and joined within these rows. Had the rows been grouped otherwise, as
   * they were before a crash perhaps, they would have been published: so they are taken back too.
   */
  readonly passing: readonly { readonly startUs: bigint; readonly late: bigint }[];
}

/**
 * Caller promises: no two of `known` are less than a gap apart. A session is closed for a row when
 * the watermark that the row met has reached its end.
 */
export function joinSessions(
  rules: SessionRules,
  known: readonly KnownSession[],
  rows: readonly SessionRow[],
): Joined {
  const { gapUs } = rules;
  let sessions = known;
  const beyond: { seq: bigint; startUs: bigint; endUs: bigint }[] = [];
  const steps: { seq: bigint; step: bigint }[] = [];
  const swallowedUs: bigint[] = [];
  const passing: { startUs: bigint; late: bigint }[] = [];
  for (const { seq, timeUs, behindUs } of rows) {
    const touches = (one: KnownSession): boolean =>
      timeUs < one.lastUs + gapUs && one.startUs < timeUs + gapUs;
    const touched = sessions.filter(touches);
    const startUs = touched.reduce((a, one) => (one.startUs < a ? one.startUs : a), timeUs);
    const lastUs = touched.reduce((a, one) => (one.lastUs > a ? one.lastUs : a), timeUs);
    const endUs = lastUs + gapUs;
    let late = touched.reduce((sum, one) => sum + one.late, 0n);
    if (behindUs !== null) {
      const isReopening = touched.some((one) => one.lastUs + gapUs <= behindUs);
      const isClosed = endUs <= behindUs;
      if (!isAccepted(rules, endUs, behindUs, isReopening)) {
        beyond.push({ seq, startUs, endUs });
        continue;
      }
      // Taking a published session back is a revision of its own: it is published again later.
      const step = isReopening && !isClosed ? 2n : 1n;
      if (isReopening || isClosed) {
        steps.push({ seq, step });
        late += step;
      }
    }
    for (const one of touched) {
      if (one.isPublished) swallowedUs.push(one.startUs);
      else if (behindUs !== null && one.lastUs + gapUs <= behindUs) passing.push(one);
    }
    const joined = { startUs, lastUs, isPublished: false, late };
    sessions = [...sessions.filter((one) => !touched.includes(one)), joined];
  }
  return { beyond, steps, swallowedUs, passing };
}

function isAccepted(
  { late, allowedLatenessUs }: SessionRules,
  endUs: bigint,
  watermarkUs: bigint,
  isReopening: boolean,
): boolean {
  if (late === "side") return endUs > watermarkUs && !isReopening;
  return endUs + allowedLatenessUs > watermarkUs;
}
