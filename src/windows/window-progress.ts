/** How far each window is, and the same as plain JSON for checkpoints. */
import {
  earlyFromState,
  type EarlyProgress,
  type EarlyState,
  earlyToState,
  NOTHING_EARLY,
} from "./early-progress.ts";
import {
  type SessionProgress,
  type SessionState,
  sessionsFromState,
  sessionsToState,
} from "./sessions.ts";

export interface WindowProgress {
  /** All windows that end here or earlier are closed; null before the first one. */
  readonly closedUntilUs: bigint | null;
  readonly published: number;
  readonly corrected: number;
  /** Of a hopping window: the panes of what is open lie in their table. Not so after a restart. */
  readonly hasPanes: boolean;
  /** Of a session window. */
  readonly sessions: SessionProgress | null;
  /** Of a window with early results. */
  readonly early: EarlyProgress;
}

export const NOTHING_CLOSED: WindowProgress = {
  closedUntilUs: null,
  published: 0,
  corrected: 0,
  hasPanes: false,
  sessions: null,
  early: NOTHING_EARLY,
};

export interface WindowState {
  readonly closedUntilUs: string | null;
  readonly published: number;
  readonly corrected: number;
  readonly sessions: SessionState | null;
  readonly early?: Partial<EarlyState>;
}

export function windowToState(progress: WindowProgress): WindowState {
  const { closedUntilUs, published, corrected, sessions, early } = progress;
  return {
    closedUntilUs: closedUntilUs === null ? null : String(closedUntilUs),
    published,
    corrected,
    sessions: sessions === null ? null : sessionsToState(sessions),
    early: earlyToState(early),
  };
}

export function windowFromState(state: WindowState): WindowProgress {
  const { closedUntilUs, sessions, early } = state;
  return {
    ...state,
    closedUntilUs: closedUntilUs === null ? null : BigInt(closedUntilUs),
    // Panes are kept beside the rows, and are not part of a checkpoint.
    hasPanes: false,
    sessions: sessions === null ? null : sessionsFromState(sessions),
    early: earlyFromState(early),
  };
}
