/** Works through backfills in the background, newest windows first, with live rows in between. */
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Engine } from "../engine/engine.ts";
import { type Backfill, type BackfillCommand } from "./backfill.ts";
import { countRows, firstStart, rowsASlice, type Sliced, slicesOf } from "./backfill-slices.ts";
import { type Range } from "./publish.ts";
import { openStoredRows, type StoredRows } from "./stored-rows.ts";
import { type WindowStage } from "./window-stage.ts";

export interface BackfillStatus extends Omit<Backfill, "state"> {
  /** `failed`: it stands still until it is asked for again, or the next start. */
  readonly state: Backfill["state"] | "failed";
  /** Rows of the windows that are done, and of all; null where it is not being worked on. */
  readonly done: number | null;
  readonly total: number | null;
  /** Why it failed. */
  readonly problem: string | null;
}

export interface BackfillRange {
  /** Starts of windows, microseconds, half-open; undefined: from the first, to the last. */
  readonly fromUs?: bigint | undefined;
  readonly toUs?: bigint | undefined;
}

export interface Backfills extends AsyncDisposable {
  /** The last one of each window. */
  list(): readonly BackfillStatus[];
  /**
   * Resolves when it is in the log; from then on every start goes on with it. One of the same range
   * that is running, or stands still, goes on instead. Throws KRB_WINDOWS_UNKNOWN,
   * KRB_WINDOWS_RANGE, KRB_WINDOWS_FOLLOWS, KRB_WINDOWS_BACKFILLING.
   */
  begin(window: string, range: BackfillRange): Promise<BackfillStatus>;
  /** A status now and after each slice, until it no longer runs; throws what it failed with. */
  follow(window: string, signal: AbortSignal): AsyncIterable<BackfillStatus>;
  /** What is computed stays. Throws KRB_WINDOWS_UNKNOWN where none is running. */
  cancel(window: string): Promise<BackfillStatus>;
}

export interface BackfillsDeps {
  readonly engine: Pick<Engine, "command" | "plan" | "relations">;
  readonly windows: Pick<WindowStage, "backfills" | "closedUntilUs">;
  readonly connection: Connection;
  readonly rowsASlice?: number | undefined;
}

/** Goes on with what is not done yet. Owns the connection. */
export function openBackfills(deps: BackfillsDeps): Backfills {
  const runner = new Runner(deps);
  for (const { window, state } of deps.windows.backfills()) {
    if (state === "running") runner.start(window);
  }
  return runner;
}

/** Resolved when a slice is done, or there will be no more. */
interface Step {
  readonly happened: Promise<void>;
  readonly happen: () => void;
}

function nextStep(): Step {
  let happen = (): void => {};
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  return { happened, happen };
}

interface Job {
  done: number;
  total: number;
  failure: Error | null;
  isOver: boolean;
  step: Step;
  work: Promise<void>;
}

class Runner implements Backfills {
  readonly #deps: BackfillsDeps;
  readonly #stored: StoredRows;
  readonly #asking = new Serial();
  readonly #jobs = new Map<string, Job>();
  #isClosing = false;

  constructor(deps: BackfillsDeps) {
    this.#deps = deps;
    this.#stored = openStoredRows(deps.engine, deps.connection);
  }

  list(): readonly BackfillStatus[] {
    return this.#deps.windows.backfills().map((one) => this.#status(one));
  }

  begin(name: string, asked: BackfillRange): Promise<BackfillStatus> {
    return this.#asking.run(() => this.#begin(name, asked));
  }

  async #begin(name: string, asked: BackfillRange): Promise<BackfillStatus> {
    const range = await this.#rangeOf(this.#sliced(name), asked);
    const running = this.#find(name);
    if (running?.state === "running") {
      const { fromUs = running.fromUs, toUs = running.toUs } = asked;
      if (fromUs !== running.fromUs || toUs !== running.toUs) throw backfilling(running);
    } else {
      // What it was working on is over, and it is about to see that.
      await this.#jobs.get(name)?.work;
      const [fromUs, toUs] = [String(range.fromUs), String(range.toUs)];
      await this.#command({ kind: "backfill_begin", window: name, fromUs, toUs });
    }
    this.start(name);
    return this.#statusOf(name);
  }

  async *follow(name: string, signal: AbortSignal): AsyncGenerator<BackfillStatus> {
    const gone = nextStep();
    signal.addEventListener("abort", () => gone.happen(), { once: true });
    for (;;) {
      signal.throwIfAborted();
      const job = this.#jobs.get(name);
      const next = job?.step.happened;
      const failure = job?.failure ?? null;
      if (failure !== null) throw failure;
      const status = this.#statusOf(name);
      yield status;
      if (status.state !== "running" || job === undefined || job.isOver) return;
      await Promise.race([next, gone.happened]);
    }
  }

  cancel(name: string): Promise<BackfillStatus> {
    return this.#asking.run(() => this.#cancel(name));
  }

  async #cancel(name: string): Promise<BackfillStatus> {
    if (this.#find(name)?.state !== "running") {
      throw new KurobeError("KRB_WINDOWS_UNKNOWN", `no backfill of ${quoted(name)} is running`, {
        hint: "`kurobe backfill` lists them.",
      });
    }
    await this.#command({ kind: "backfill_cancel", window: name });
    await this.#jobs.get(name)?.work;
    return this.#statusOf(name);
  }

  /** Nothing happens where it is being worked on. */
  start(name: string): void {
    const before = this.#jobs.get(name);
    if (this.#isClosing || (before !== undefined && !before.isOver)) return;
    const job: Job = {
      done: 0,
      total: 0,
      failure: null,
      isOver: false,
      step: nextStep(),
      work: Promise.resolve(),
    };
    this.#jobs.set(name, job);
    job.work = this.#work(name, job);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#asking.idle();
    await Promise.all([...this.#jobs.values()].map(({ work }) => work));
    await this.#stored[Symbol.asyncDispose]();
  }

  /** Never rejects: why it failed is in the status. */
  async #work(name: string, job: Job): Promise<void> {
    try {
      const of = this.#sliced(name);
      const backfill = this.#find(name);
      if (backfill === undefined) return;
      const { fromUs, toUs } = backfill;
      let { nextUs } = backfill;
      const whole = await countRows(of, { fromUs, toUs });
      const ahead = nextUs === toUs ? whole : await countRows(of, { fromUs, toUs: nextUs });
      job.total = whole.rows;
      job.done = whole.rows - ahead.rows;
      const limit = this.#deps.rowsASlice ?? rowsASlice(of.window);
      for await (const slice of slicesOf(of, fromUs, ahead, limit)) {
        if (this.#isClosing || this.#find(name)?.state !== "running") return;
        const range = { fromUs: String(slice.fromUs), nextUs: String(nextUs) };
        await this.#command({ kind: "backfill_slice", window: name, ...range });
        nextUs = slice.fromUs;
        // Rows may have come meanwhile.
        job.done = nextUs === fromUs ? job.total : Math.min(job.total, job.done + slice.rows);
        job.step.happen();
        job.step = nextStep();
      }
    } catch (error) {
      job.failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      job.isOver = true;
      job.step.happen();
    }
  }

  #command(command: BackfillCommand): Promise<unknown> {
    return this.#deps.engine.command("windows", command);
  }

  #find(name: string): Backfill | undefined {
    return this.#deps.windows.backfills().find(({ window }) => window === name);
  }

  #statusOf(name: string): BackfillStatus {
    const found = this.#find(name);
    if (found === undefined) throw new Error(`no backfill of ${name} has begun`);
    return this.#status(found);
  }

  #status(backfill: Backfill): BackfillStatus {
    const job = this.#jobs.get(backfill.window);
    const failure = job?.failure ?? null;
    const hasFailed = backfill.state === "running" && failure !== null;
    return {
      ...backfill,
      state: hasFailed ? "failed" : backfill.state,
      done: job?.done ?? null,
      total: job?.total ?? null,
      problem: failure?.message ?? null,
    };
  }

  #sliced(name: string): Sliced {
    const { plan } = this.#deps.engine;
    const window = plan.windows.find((one) => one.name === name);
    if (window === undefined) {
      const names = plan.windows.map((one) => one.name).join(", ") || "none";
      throw new KurobeError("KRB_WINDOWS_UNKNOWN", `there is no window ${quoted(name)}`, {
        hint: `The project's windows: ${names}.`,
      });
    }
    const dataset = [...plan.datasets, ...plan.streams].find((one) => one.name === window.from);
    if (dataset !== undefined) return { stored: this.#stored, window, dataset };
    throw new KurobeError(
      "KRB_WINDOWS_FOLLOWS",
      `${name} is computed from results of ${window.from}`,
      {
        hint: `It follows whatever changes there: kurobe backfill ${window.from}.`,
      },
    );
  }

  /** What was asked for, once it is known that windows start there and are over. */
  async #rangeOf(of: Sliced, asked: BackfillRange): Promise<Range> {
    const { name } = of.window;
    if (asked.fromUs !== undefined && asked.toUs !== undefined && asked.fromUs >= asked.toUs) {
      throw new KurobeError("KRB_WINDOWS_RANGE", "the range ends before it begins", {
        hint: "--from is before --to; windows that start at --to are not computed.",
      });
    }
    const firstUs = await firstStart(of);
    const closedUs = this.#deps.windows.closedUntilUs(name);
    if (closedUs === null || firstUs === null || firstUs >= closedUs) {
      throw new KurobeError("KRB_WINDOWS_RANGE", `no window of ${name} is over yet`);
    }
    const { fromUs = firstUs, toUs = closedUs } = asked;
    // Windows that are over by the time that their slice comes are computed too.
    if (fromUs < closedUs && toUs > firstUs) return { fromUs, toUs };
    throw new KurobeError("KRB_WINDOWS_RANGE", `no window of ${name} that is over starts there`, {
      hint: `There are windows from ${isoText(firstUs)} to ${isoText(closedUs)}.`,
      details: { firstUs: String(firstUs), closedUntilUs: String(closedUs) },
    });
  }
}

function backfilling({ window, fromUs, toUs }: Backfill): KurobeError {
  const range = `from ${isoText(fromUs)} to ${isoText(toUs)}`;
  return new KurobeError(
    "KRB_WINDOWS_BACKFILLING",
    `a backfill of ${window} is running already, ${range}`,
  );
}

function isoText(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString().replace(".000Z", "Z");
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
