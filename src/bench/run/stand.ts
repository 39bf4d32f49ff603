/** A target that is ready to be measured: keys made, connections open, meters attached. */
import { Lifetime } from "../../core/lifetime.ts";
import { type Agents } from "../crew/agents-crew.ts";
import { type Crew, soloCrew } from "../crew/crew.ts";
import { openThreadCrew } from "../crew/thread.ts";
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { Load, type LoadOptions, type RunOptions } from "../load/load.ts";
import { type LoadOutcome } from "../load/outcome.ts";
import { type LoadProgress } from "../load/recorder.ts";
import { setUp } from "../load/set-up.ts";
import { Listeners } from "../pubsub/listeners.ts";
import { type BenchResult } from "../result/result.ts";
import { CpuCourse } from "../target/cpu-course.ts";
import { readServerFacts, type ServerFacts } from "../target/server-facts.ts";
import { ServerMeter } from "../target/server-meter.ts";
import { describeRun, type MeasuredRun } from "./describe-run.ts";
import { readEnvironment, readMachineTime, stealBetween } from "./environment.ts";
import { type RunPlan } from "./run-plan.ts";

/** What one run on a stand came to; `describe` makes a result of it. */
export type StandRun = Omit<MeasuredRun, "plan" | "facts" | "fill" | "environment"> & {
  readonly stealShare: number | null;
};

export interface StandOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keys so far, of all. */
  readonly onFill: (done: number, total: number) => void;
  /** How the server is bound to processors, where we know. */
  readonly pinning: string | null;
  /** Who carries the load instead of this process; they stay the caller's. */
  readonly agents?: Agents | undefined;
}

interface StandParts {
  readonly plan: RunPlan;
  readonly facts: ServerFacts;
  readonly load: Load;
  readonly meter: ServerMeter;
  readonly listeners: Listeners | undefined;
  readonly fill: LoadOutcome | undefined;
  readonly crew: Crew;
  /** Machines that carry the load. */
  readonly agents: readonly string[];
  readonly pinning: string | null;
}

export class Stand implements AsyncDisposable {
  readonly #parts: StandParts;
  readonly #lifetime: Lifetime;
  #insertEnds: readonly number[] = [];

  private constructor(parts: StandParts, lifetime: Lifetime) {
    this.#parts = parts;
    this.#lifetime = lifetime;
  }

  /**
   * Throws what target or workload are refused for. Interrupted, it has made a part of the keys.
   */
  static async open(plan: RunPlan, options: StandOptions): Promise<Stand> {
    const { signal, onFill, pinning } = options;
    const { workload, target } = plan;
    await using opening = new Lifetime();
    const facts = await readServerFacts(target);
    const load = opening.own(await Load.open(loadOptions(plan)));
    const meter = opening.own(await ServerMeter.open(load.nodes));
    const listeners = await Listeners.open(load.nodes, workload);
    if (listeners !== undefined) opening.own(listeners);
    await setUp(load.nodes, workload);
    onFill(0, 0);
    const fill = plan.isFilled
      ? await fillKeys(load, workload, { signal, onProgress: onFill })
      : undefined;
    const crew = opening.own(await openCrew(plan, load, options.agents));
    const agents = options.agents?.names ?? [];
    const parts = { plan, facts, load, meter, listeners, fill, crew, agents, pinning };
    return new Stand(parts, opening.move());
  }

  /** What is sent here counts for nothing. */
  async warmUp(run: RunOptions): Promise<LoadOutcome> {
    const { crew, listeners } = this.#parts;
    const { outcome, insertEnds } = await crew.run(run);
    this.#insertEnds = insertEnds;
    await listeners?.quiet();
    return outcome;
  }

  /** Interrupted, it gives what there is. */
  async run(run: RunOptions): Promise<StandRun> {
    const { crew, listeners, meter, plan } = this.#parts;
    const timeBefore = readMachineTime();
    const before = await meter.read();
    // A run of one interval has no course.
    const course = Number.isFinite(run.intervalMs)
      ? new CpuCourse(meter, Math.min(run.intervalMs, 1000))
      : undefined;
    listeners?.begin(performance.now());
    const { outcome, insertEnds, lost } = await crew.run({
      ...run,
      onInterval: (progress: LoadProgress) => {
        listeners?.roll(performance.now());
        run.onInterval?.(progress);
      },
    });
    this.#insertEnds = insertEnds;
    const heard = listeners === undefined ? outcome : await listeners.heard(outcome, plan.workload);
    const serverLooks = await course?.finish();
    const after = await meter.read();
    const stealShare = stealBetween(timeBefore, readMachineTime());
    return { outcome: heard, lost, before, after, serverLooks: serverLooks ?? [], stealShare };
  }

  /** `pace` is the run's, where it is another than the plan's. */
  describe({ stealShare, ...run }: StandRun, pace = this.#parts.plan.pace): BenchResult {
    const { plan, facts, fill, pinning, agents } = this.#parts;
    const environment = readEnvironment({ pinning, agents, stealShare });
    const workers = plan.workers * Math.max(1, agents.length);
    return describeRun({ ...run, plan: { ...plan, pace, workers }, facts, fill, environment });
  }

  /** Deletes the keys that were made. */
  async clean(): Promise<void> {
    const { load, plan } = this.#parts;
    await cleanKeys(load, plan.workload, { insertEnds: this.#insertEnds });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifetime[Symbol.asyncDispose]();
  }
}

/**
 * Threads and agents have connections of their own; `load` then only makes the keys and deletes
 * them.
 */
async function openCrew(plan: RunPlan, load: Load, agents: Agents | undefined): Promise<Crew> {
  const { workers } = plan;
  if (agents !== undefined) return await agents.openCrew(loadOptions(plan), workers);
  return workers === 1 ? soloCrew(load) : await openThreadCrew(loadOptions(plan), workers);
}

function loadOptions(plan: RunPlan): LoadOptions {
  return {
    target: plan.target,
    workload: plan.workload,
    connections: plan.connections,
    depth: plan.depth,
    seed: plan.seed,
    timeoutMs: plan.timeoutMs,
  };
}
