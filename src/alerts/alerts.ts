/**
 * A stage that watches window results, and keeps what is pending and firing, group by group.
 * Results are judged where the log says so, at ticks and at entries that found nothing waiting:
 * what an alert sees of a result and of its corrections does not depend on how entries were
 * grouped.
 */
import { type Stage } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type AlertPlan } from "../plan/alert-plan.ts";
import { canonicalJson } from "../plan/fingerprint.ts";
import { type Plan } from "../plan/plan.ts";
import { type GroupState, resolved, step, type Scored, type Transition } from "./group-state.ts";
import { NO_NOTICES, notice, type Notices, type Silence } from "./notify.ts";
import { scoreResults, windowEnds } from "./score.ts";
import { record, type Recorded } from "./transitions.ts";

export type AlertCommand =
  | { readonly kind: "silence"; readonly alert: string; readonly silence: Silence }
  | { readonly kind: "unsilence" | "test"; readonly alert: string };

interface AlertState {
  /** Results of the window from this `_seq` on are new. */
  readonly nextSeq: number;
  /** End of the newest window that was looked at. */
  readonly newestEndUs: number;
  readonly groups: ReadonlyMap<string, GroupState>;
  /** Groups that were not followed, because there are too many. */
  readonly unfollowed: number;
  readonly notices: Notices;
}

/** What a checkpoint holds of an alert; another plan of the same name begins anew. */
interface StoredAlert extends Omit<AlertState, "groups"> {
  readonly plan: string;
  readonly groups: readonly GroupState[];
}

export interface AlertStatus {
  readonly name: string;
  readonly on: string;
  readonly pending: number;
  readonly firing: number;
  readonly unfollowed: number;
  readonly groups: readonly (GroupState & {
    readonly group: Readonly<Record<string, string | null>>;
  })[];
  readonly silences: readonly Silence[];
}

/** Groups that one alert follows at a time. */
export const MAX_GROUPS = 100_000;
const SHOWN_GROUPS = 100;
const MAX_SILENCES = 100;

export class Alerts implements Stage {
  readonly name = "alerts";
  readonly #plans: readonly AlertPlan[];
  #states = new Map<string, AlertState>();
  #draft = new Map<string, AlertState>();
  #nextSeqOf: (table: string) => number = () => 1;

  constructor(plan: Plan) {
    this.#plans = plan.alerts;
  }

  /** Results wait for the end of the group, or for the tick that follows it. */
  apply(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }

  async groupEnded(tx: Transaction, receivedAtUs: bigint): Promise<void> {
    await this.#look(tx, receivedAtUs);
  }

  async tick(tx: Transaction, receivedAtUs: bigint): Promise<void> {
    await this.#look(tx, receivedAtUs);
    const nowUs = Number(receivedAtUs);
    for (const plan of this.#plans) {
      if (plan.condition.kind === "absent")
        await this.#missing(tx, plan, plan.condition.forUs, nowUs);
    }
  }

  async control(tx: Transaction, command: unknown, receivedAtUs: bigint): Promise<void> {
    const asked = command as AlertCommand;
    const plan = this.#plans.find((one) => one.name === asked.alert);
    if (plan === undefined) return;
    const state = this.#stateOf(plan);
    const nowUs = Number(receivedAtUs);
    if (asked.kind === "test") await record(tx, plan, [testOf(plan, nowUs)]);
    else {
      const running = state.notices.silences.filter((one) => one.untilUs > nowUs);
      const silences = asked.kind === "silence" ? [...running, asked.silence] : [];
      const notices = { ...state.notices, silences: silences.slice(-MAX_SILENCES) };
      this.#draft.set(plan.name, { ...state, notices });
    }
  }

  async #look(tx: Transaction, receivedAtUs: bigint): Promise<void> {
    for (const plan of this.#plans) {
      const state = this.#stateOf(plan);
      const nextSeq = tx.nextSeq(plan.on);
      if (nextSeq === state.nextSeq) continue;
      const results = await scoreResults(tx, plan, {
        fromSeq: state.nextSeq,
        onlyBreaches: state.groups.size === 0 && plan.condition.kind !== "absent",
      });
      const endsUs = await windowEnds(tx, plan, state.nextSeq);
      const judged = judge(plan, state, { results, endsUs }, Number(receivedAtUs));
      await this.#record(tx, plan, { ...judged.state, nextSeq }, judged.transitions, receivedAtUs);
    }
  }

  async #missing(tx: Transaction, plan: AlertPlan, forUs: number, nowUs: number): Promise<void> {
    const state = this.#stateOf(plan);
    const groups = new Map(state.groups);
    const transitions: Transition[] = [];
    for (const [key, group] of state.groups) {
      if (group.state !== "watched" || group.seenUs + forUs > nowUs) continue;
      const atUs = group.endUs + forUs;
      const fired = { ...group, state: "firing" as const, sinceUs: group.endUs, isNotified: false };
      groups.set(key, fired);
      transitions.push({ state: "firing", atUs, group: fired });
    }
    await this.#record(tx, plan, { ...state, groups }, transitions, BigInt(nowUs));
  }

  /** Decides who hears of each, in order, and remembers whether the group's firing was told. */
  async #record(
    tx: Transaction,
    plan: AlertPlan,
    state: AlertState,
    transitions: readonly Transition[],
    receivedAtUs: bigint,
  ): Promise<void> {
    let { notices } = state;
    const groups = new Map(state.groups);
    const recorded: Recorded[] = [];
    const told = new Map<string, boolean>();
    for (const transition of transitions) {
      const key = keyOf(transition.group.by);
      const current = groups.get(key);
      // Fired and resolved within one look: what was told of the first decides about the second.
      const isNotified = told.get(key) ?? transition.group.isNotified;
      const group = { ...transition.group, isNotified };
      const noticed = notice(plan, notices, { ...transition, group }, Number(receivedAtUs));
      notices = noticed.notices;
      recorded.push(noticed.recorded);
      if (transition.state === "firing") told.set(key, noticed.recorded.isNotified);
      if (transition.state === "firing" && current?.state === "firing")
        groups.set(key, { ...current, isNotified: noticed.recorded.isNotified });
    }
    await record(tx, plan, recorded);
    this.#draft.set(plan.name, { ...state, notices, groups });
  }

  #stateOf(plan: AlertPlan): AlertState {
    return this.#draft.get(plan.name) ?? this.#states.get(plan.name) ?? emptyState(1);
  }

  commit(): void {
    for (const [name, state] of this.#draft) this.#states.set(name, state);
    this.rollback();
  }

  rollback(): void {
    this.#draft = new Map();
  }

  /** Whether results have come since the last tick. */
  get hasNews(): boolean {
    return this.#plans.some((plan) => this.#nextSeqOf(plan.on) > this.#stateOf(plan).nextSeq);
  }

  /** When a tick would judge results or find a group absent, by received time; null: none would. */
  nextTickUs(): bigint | null {
    if (this.hasNews) return 0n;
    let next: number | null = null;
    for (const plan of this.#plans) {
      if (plan.condition.kind !== "absent") continue;
      for (const group of this.#stateOf(plan).groups.values()) {
        if (group.state !== "watched") continue;
        const dueUs = group.seenUs + plan.condition.forUs;
        if (next === null || dueUs < next) next = dueUs;
      }
    }
    return next === null ? null : BigInt(next);
  }

  state(): unknown {
    return Object.fromEntries(
      this.#plans.map((plan): [string, StoredAlert] => {
        const { groups, ...rest } = this.#stateOf(plan);
        return [plan.name, { ...rest, plan: canonicalJson(plan), groups: [...groups.values()] }];
      }),
    );
  }

  restore(state: unknown): void {
    const stored = state as Readonly<Record<string, StoredAlert>>;
    for (const plan of this.#plans) {
      const found = stored[plan.name];
      if (found === undefined || found.plan !== canonicalJson(plan)) continue;
      const { groups, plan: _, ...rest } = found;
      const byKey = new Map(groups.map((group) => [keyOf(group.by), group]));
      this.#states.set(plan.name, { ...rest, groups: byKey });
    }
  }

  /** A new alert looks at results from now on; so does one whose window is computed anew. */
  opened(nextSeqOf: (table: string) => number): void {
    this.#nextSeqOf = nextSeqOf;
    for (const { name, on } of this.#plans) {
      const nextSeq = nextSeqOf(on);
      const state = this.#states.get(name) ?? emptyState(nextSeq);
      this.#states.set(name, { ...state, nextSeq: Math.min(state.nextSeq, nextSeq) });
    }
  }

  alerts(): readonly AlertStatus[] {
    return this.#plans.map((plan) => {
      const { groups, unfollowed, notices } = this.#states.get(plan.name) ?? emptyState(1);
      const active = [...groups.values()].filter((group) => group.state !== "watched");
      const firing = active.filter((group) => group.state === "firing");
      return {
        name: plan.name,
        on: plan.on,
        pending: active.length - firing.length,
        firing: firing.length,
        unfollowed,
        groups: active
          .slice(0, SHOWN_GROUPS)
          .map((group) => ({ ...group, group: named(plan, group) })),
        silences: notices.silences,
      };
    });
  }

  status(): Readonly<Record<string, unknown>> {
    return { alerts: this.alerts() };
  }
}

function emptyState(nextSeq: number): AlertState {
  return { nextSeq, newestEndUs: 0, groups: new Map(), unfollowed: 0, notices: NO_NOTICES };
}

function keyOf(by: readonly (string | null)[]): string {
  return JSON.stringify(by);
}

function named(plan: AlertPlan, group: GroupState): Readonly<Record<string, string | null>> {
  return Object.fromEntries(plan.by.map(({ name }, index) => [name, group.by[index] ?? null]));
}

interface Judged {
  readonly state: AlertState;
  readonly transitions: readonly Transition[];
}

interface NewResults {
  /** By the end of their windows. */
  readonly results: readonly Scored[];
  /** Of all windows with new results, also of those whose results were left out as harmless. */
  readonly endsUs: readonly number[];
}

/** Window after window; corrections of windows that are older than the newest are past. */
function judge(
  plan: AlertPlan,
  before: AlertState,
  { results, endsUs }: NewResults,
  seenUs: number,
): Judged {
  const groups = new Map(before.groups);
  const transitions: Transition[] = [];
  let { newestEndUs, unfollowed } = before;
  let place = 0;
  for (const endUs of endsUs) {
    for (; results[place]?.endUs === endUs; place++) {
      const result = results[place];
      if (result === undefined) break;
      const key = keyOf(result.by);
      const group = groups.get(key);
      if (isPast(group, result, newestEndUs)) continue;
      if (group === undefined && groups.size >= MAX_GROUPS) {
        unfollowed += 1;
        continue;
      }
      const { next, transition } = stepOf(plan, group, result, seenUs);
      if (next === null) groups.delete(key);
      else groups.set(key, next);
      if (transition !== null) transitions.push(transition);
    }
    newestEndUs = Math.max(newestEndUs, endUs);
    if (plan.missing === "resolve") transitions.push(...passed(groups, newestEndUs));
  }
  return { state: { ...before, groups, newestEndUs, unfollowed }, transitions };
}

function isPast(group: GroupState | undefined, result: Scored, newestEndUs: number): boolean {
  return group === undefined ? result.endUs < newestEndUs : result.startUs < group.startUs;
}

/** Ends what is in alarm of groups that had no result in the newest window. */
function passed(groups: Map<string, GroupState>, newestEndUs: number): readonly Transition[] {
  const transitions: Transition[] = [];
  for (const [key, group] of groups) {
    if (group.state === "watched" || group.endUs >= newestEndUs) continue;
    transitions.push(...transitionsOf(resolved(group, newestEndUs)));
    groups.delete(key);
  }
  return transitions;
}

function transitionsOf({ transition }: { transition: Transition | null }): readonly Transition[] {
  return transition === null ? [] : [transition];
}

function stepOf(
  plan: AlertPlan,
  group: GroupState | undefined,
  result: Scored,
  seenUs: number,
): ReturnType<typeof step> {
  const { condition } = plan;
  if (condition.kind !== "absent") return step(plan, condition.bounds, group, result, seenUs);
  const sinceUs = result.endUs;
  const next = { ...result, state: "watched" as const, sinceUs, seenUs, isNotified: false };
  if (group?.state !== "firing") return { next, transition: null };
  return { ...resolved({ ...group, ...result }, result.endUs), next };
}

function testOf(plan: AlertPlan, nowUs: number): Recorded {
  const group: GroupState = {
    state: "firing",
    by: plan.by.map(() => null),
    sinceUs: nowUs,
    startUs: nowUs,
    endUs: nowUs,
    value: null,
    score: null,
    seenUs: nowUs,
    isNotified: true,
  };
  return { state: "test", atUs: nowUs, group, isNotified: true, suppressed: null };
}
