/** How far early results have come: what decides whether a tick renews them. */

/** Which rows early results have been published for. */
export interface EarlyProgress {
  /** Received time of the tick that published last; null: none has. */
  readonly emittedUs: bigint | null;
  /** Rows before this `_seq` were there then. */
  readonly emittedSeq: number;
  /** First free `_seq` of the dataset, as far as the stage has seen. */
  readonly seenSeq: number;
  /** Of sessions: none that was open then began before it; null: none was. */
  readonly openFromUs: bigint | null;
}

export const NOTHING_EARLY: EarlyProgress = {
  emittedUs: null,
  emittedSeq: 0,
  seenSeq: 0,
  openFromUs: null,
};

/** From when on a tick would publish early results, by received time; null: there is no news. */
export function earlyDueUs(progress: EarlyProgress, throttleUs: number): bigint | null {
  if (progress.seenSeq <= progress.emittedSeq) return null;
  return progress.emittedUs === null ? 0n : progress.emittedUs + BigInt(throttleUs);
}

export interface EarlyState {
  readonly emittedUs: string | null;
  readonly emittedSeq: number;
  readonly seenSeq: number;
  readonly openFromUs: string | null;
}

export function earlyToState(progress: EarlyProgress): EarlyState {
  const text = (us: bigint | null): string | null => (us === null ? null : String(us));
  return {
    ...progress,
    emittedUs: text(progress.emittedUs),
    openFromUs: text(progress.openFromUs),
  };
}

/** Checkpoints of earlier versions know nothing of early results. */
export function earlyFromState(state: Partial<EarlyState> | undefined): EarlyProgress {
  const big = (us: string | null = null): bigint | null => (us === null ? null : BigInt(us));
  return {
    ...NOTHING_EARLY,
    ...state,
    emittedUs: big(state?.emittedUs),
    openFromUs: big(state?.openFromUs),
  };
}
