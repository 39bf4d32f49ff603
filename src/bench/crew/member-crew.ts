/** A crew of members that take orders: each gets its share, and all start at the same moment. */
import { KurobeError } from "../../core/errors.ts";
import { type LoadOptions } from "../load/load.ts";
import { mergeInterval, mergeOutcomes } from "../load/outcome.ts";
import { type LoadProgress } from "../load/recorder.ts";
import { type Pace } from "../load/run-lanes.ts";
import { type Crew, type CrewRun } from "./crew.ts";
import { type CrewResult, type Failure, type Order, type Report, type RunOrder } from "./orders.ts";

/** The way to one member. */
export interface MemberLink extends AsyncDisposable {
  /** For messages: `thread 2`, `10.0.0.7:7475`. */
  readonly name: string;
  /** How far its clock is ahead of ours. */
  readonly clockOffsetMs: number;
  send(order: Order): void;
  /** All that comes from now on goes to this listener; `lost` is the last of it. */
  listen(listener: (message: Report | Lost) => void): void;
}

export interface Lost {
  readonly kind: "lost";
  readonly why: string;
}

export interface CrewPlan {
  /** The whole load. */
  readonly load: LoadOptions;
  /** Of each member. */
  readonly threads: number;
  /** One of them then reports what the process costs. */
  readonly isOneProcess: boolean;
  /** Time that orders may take to arrive before everybody starts. */
  readonly leadMs: number;
  /** Tells this load from others that the same links carry. */
  readonly number: number;
  /** True where other loads need the links when this one is closed. */
  readonly isLinkShared: boolean;
}

interface Station {
  readonly link: MemberLink;
  progress: LoadProgress[];
}

/**
 * Owns the links, unless they are shared; loads that share them take turns. Throws what a member is
 * refused for, or KRB_BENCH_MEMBER_LOST.
 */
export async function openMemberCrew(links: readonly MemberLink[], plan: CrewPlan): Promise<Crew> {
  const crew = new MemberCrew(links, plan);
  try {
    await crew.open();
    return crew;
  } catch (error) {
    await crew[Symbol.asyncDispose]();
    throw error;
  }
}

class MemberCrew implements Crew {
  readonly #stations: readonly Station[];
  readonly #plan: CrewPlan;

  constructor(links: readonly MemberLink[], plan: CrewPlan) {
    this.#stations = links.map((link) => ({ link, progress: [] }));
    this.#plan = plan;
  }

  async open(): Promise<void> {
    const shares = sharesOf(this.#plan, this.#stations.length);
    await Promise.all(
      this.#stations.map(async ({ link }, index) => {
        const share = shares[index];
        if (share === undefined) throw new Error("each member needs a share");
        const answer = await this.#order(link, { kind: "open", load: this.#plan.number, share });
        if (answer.kind === "lost") throw lostError(link, answer);
        if (answer.kind === "failed") throw failureError(answer, link.name);
      }),
    );
  }

  async run(options: CrewRun): Promise<CrewResult> {
    const { signal, onInterval } = options;
    const startAtMs = options.startAtMs ?? Date.now() + this.#plan.leadMs;
    const stop = (): void => {
      for (const { link } of this.#stations) link.send({ kind: "stop" });
    };
    const results: CrewResult[] = [];
    const lost: string[] = [];
    for (const station of this.#stations) station.progress = [];
    const runs = this.#stations.map(async (station, index) => {
      const { link } = station;
      const run = runFor(options, index, this.#stations.length, startAtMs + link.clockOffsetMs);
      const answer = await this.#order(
        link,
        { kind: "run", load: this.#plan.number, run },
        (progress) => {
          station.progress.push(progress);
          this.#advance(station, onInterval);
        },
      );
      if (answer.kind === "finished") {
        results.push(inOurTime(answer.result, link.clockOffsetMs));
        return;
      }
      // What is left is no longer the load that was asked for.
      stop();
      if (answer.kind === "failed") throw failureError(answer, link.name);
      const why = answer.kind === "lost" ? answer.why : "it did not run";
      const seconds = ((Date.now() - startAtMs) / 1000).toFixed(1);
      lost.push(`${link.name} was lost after ${seconds} s (${why})`);
    });
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) stop();
    try {
      const settled = await Promise.allSettled(runs);
      for (const each of settled) if (each.status === "rejected") throw each.reason;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    const [station] = this.#stations;
    if (results.length === 0 && station !== undefined) {
      throw lostError(station.link, { kind: "lost", why: lost.join("; ") });
    }
    return mergeResults(results, lost);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { isLinkShared, number } = this.#plan;
    const close = async ({ link }: Station): Promise<void> => {
      if (isLinkShared) await this.#order(link, { kind: "close", load: number });
      else await link[Symbol.asyncDispose]();
    };
    await Promise.all(this.#stations.map(close));
  }

  /** The answer that ends an order. */
  async #order(
    link: MemberLink,
    order: Order,
    onProgress: (progress: LoadProgress) => void = () => undefined,
  ): Promise<Exclude<Report, { kind: "progress" }> | Lost> {
    return await new Promise((resolve) => {
      link.listen((message) => {
        if (message.kind === "progress") onProgress(message.progress);
        else resolve(message);
      });
      link.send(order);
    });
  }

  /** Tells of an interval when the last member has told of it. */
  #advance(station: Station, onInterval: CrewRun["onInterval"]): void {
    const { length } = station.progress;
    const all = this.#stations.flatMap(({ progress }) => progress[length - 1] ?? []);
    if (all.length < this.#stations.length) return;
    const sum = (read: (progress: LoadProgress) => number): number =>
      all.reduce((total, each) => total + read(each), 0);
    onInterval?.({
      point: mergeInterval(all.map(({ point }) => point)),
      operations: sum(({ operations }) => operations),
      errors: sum(({ errors }) => errors),
    });
  }
}

function sharesOf(
  { load, threads, isOneProcess }: CrewPlan,
  count: number,
): readonly { readonly load: LoadOptions; readonly threads: number }[] {
  const place = load.worker ?? { index: 0, count: 1, mostConnections: load.connections };
  return Array.from({ length: count }, (_, index) => ({
    load: {
      ...load,
      connections: partOf(load.connections, index, count),
      worker: {
        index: place.index * count + index,
        count: place.count * count,
        mostConnections: Math.ceil(place.mostConnections / count),
        isFirstOfProcess: !isOneProcess || index === 0,
      },
    },
    threads,
  }));
}

function runFor(
  { pace, durationMs, requests, intervalMs, drainMs }: CrewRun,
  index: number,
  count: number,
  startAtMs: number,
): RunOrder {
  return {
    pace: paceFor(pace, index, count),
    durationMs: finite(durationMs),
    requests: Number.isFinite(requests) ? partOf(requests, index, count) : null,
    intervalMs: finite(intervalMs),
    drainMs,
    startAtMs,
  };
}

/** Members at a constant rate take turns, so that together they are as even as one. */
function paceFor(pace: Pace, index: number, count: number): Pace {
  if (pace.kind === "closed") return pace;
  const { perSecond, arrival, firstMs = 0 } = pace;
  const turnMs = arrival === "constant" ? (index * 1000) / perSecond : 0;
  return { ...pace, perSecond: perSecond / count, firstMs: firstMs + turnMs };
}

function partOf(whole: number, index: number, count: number): number {
  return Math.floor(whole / count) + (index < whole % count ? 1 : 0);
}

function finite(number: number): number | null {
  return Number.isFinite(number) ? number : null;
}

function mergeResults(results: readonly CrewResult[], lost: readonly string[]): CrewResult {
  const outcome = mergeOutcomes(results.map((result) => result.outcome));
  const spaces = results[0]?.insertEnds.length ?? 0;
  return {
    outcome: lost.length === 0 ? outcome : { ...outcome, endedBy: "interrupted" },
    insertEnds: Array.from({ length: spaces }, (_, space) =>
      Math.max(...results.map(({ insertEnds }) => insertEnds[space] ?? 0)),
    ),
    lost: [...lost, ...results.flatMap((result) => result.lost)],
  };
}

function inOurTime(result: CrewResult, clockOffsetMs: number): CrewResult {
  const startedMs = Date.parse(result.outcome.startedAt) - clockOffsetMs;
  const startedAt = new Date(startedMs).toISOString();
  return { ...result, outcome: { ...result.outcome, startedAt } };
}

export function failureError({ code, message, hint }: Failure, name: string): KurobeError {
  return new KurobeError(code, `${name}: ${message}`, hint === "" ? {} : { hint });
}

function lostError({ name }: MemberLink, { why }: Lost): KurobeError {
  return new KurobeError("KRB_BENCH_MEMBER_LOST", `${name} went away: ${why}`);
}
