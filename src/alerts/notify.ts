/** Who hears of what: silences, the limit, and the age of what happened. */
import { type AlertPlan } from "../plan/alert-plan.ts";
import { type GroupState, type Transition } from "./group-state.ts";
import { type Recorded } from "./transitions.ts";

export interface Silence {
  /** By received time. */
  readonly untilUs: number;
  /** By-values, as text, that a group must have; empty: every group. */
  readonly group: Readonly<Record<string, string>>;
}

export interface Notices {
  readonly silences: readonly Silence[];
  /** Received times of the last notifications of firing, oldest first; as many as the limit. */
  readonly recentUs: readonly number[];
}

export const NO_NOTICES: Notices = { silences: [], recentUs: [] };

export interface Noticed {
  readonly recorded: Recorded;
  readonly notices: Notices;
}

/** Firing is notified unless something speaks against it; its end only where the firing was. */
export function notice(
  plan: AlertPlan,
  notices: Notices,
  transition: Transition,
  nowUs: number,
): Noticed {
  const { state, group, atUs } = transition;
  const untold = { ...transition, isNotified: false, suppressed: null };
  if (state === "pending" || (state === "resolved" && !group.isNotified))
    return { recorded: untold, notices };
  if (isSilenced(plan, notices.silences, group, nowUs))
    return { recorded: { ...untold, suppressed: "silenced" }, notices };
  if (nowUs - atUs > plan.staleAfterUs)
    return { recorded: { ...untold, suppressed: "stale" }, notices };
  if (state === "firing" && plan.limit !== null) {
    const { notifications, perUs } = plan.limit;
    const recentUs = notices.recentUs.filter((us) => us > nowUs - perUs);
    if (recentUs.length >= notifications)
      return { recorded: { ...untold, suppressed: "limit" }, notices: { ...notices, recentUs } };
    const told = { ...untold, isNotified: true };
    return { recorded: told, notices: { ...notices, recentUs: [...recentUs, nowUs] } };
  }
  return { recorded: { ...untold, isNotified: true }, notices };
}

function isSilenced(
  plan: AlertPlan,
  silences: readonly Silence[],
  group: GroupState,
  nowUs: number,
): boolean {
  return silences.some(
    (silence) =>
      nowUs < silence.untilUs &&
      Object.entries(silence.group).every(
        ([name, value]) => group.by[plan.by.findIndex((one) => one.name === name)] === value,
      ),
  );
}
