/** Keeps messages to one receiver apart: chat and mail servers shut out who sends too many. */

export interface Pace {
  /** Milliseconds until the next message may go; 0 when it may go now. */
  dueInMs(): number;
  /** A message goes now. */
  took(): void;
}

/** The pace for an address, at least `everyMs` between two messages to it. */
export type Paces = (address: string, everyMs: number) => Pace;

/** Sinks that reach the same address share its pace; the slowest of them sets it. */
export function openPaces(monotonicMs: () => number): Paces {
  const states = new Map<string, { everyMs: number; lastMs: number }>();
  return (address, everyMs) => {
    const state = states.get(address) ?? { everyMs: 0, lastMs: Number.NEGATIVE_INFINITY };
    state.everyMs = Math.max(state.everyMs, everyMs);
    states.set(address, state);
    return {
      dueInMs: () => Math.max(0, state.lastMs + state.everyMs - monotonicMs()),
      took: () => {
        state.lastMs = monotonicMs();
      },
    };
  };
}
