/** Delivers what the outbox holds, in order per key, again and again until the receiver has it. */
import { type Clock } from "../core/clock.ts";
import { KurobeError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { type Engine } from "../engine/engine.ts";
import { openDestination } from "./open-destination.ts";
import { type Outbox, type OutboxCommand } from "./outbox.ts";
import { openPaces } from "./pace.ts";
import { type SinkStatus, SinkWorker } from "./sink-worker.ts";

export { type SinkStatus } from "./sink-worker.ts";

export interface SinksDeps {
  readonly engine: Engine;
  /** The stage that the engine was opened with. */
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** Where secrets are looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What relative directories count from: the project's folder. */
  readonly folder: string;
  readonly onTrouble?: ((status: SinkStatus) => void) | undefined;
}

export interface Sinks extends AsyncDisposable {
  status(): readonly SinkStatus[];
  /** Survives restarts. Throws KRB_SINKS_UNKNOWN, like the next two. */
  pause(name: string): Promise<SinkStatus>;
  resume(name: string): Promise<SinkStatus>;
  /** Tries a receiver that fails or refuses again now, instead of after its pause. */
  retry(name: string): SinkStatus;
}

/** Cursors go to the log this often: what a crash in between makes sinks deliver again. */
const ACKNOWLEDGE_MS = 1000;

/** Opens every receiver of the plan; what is wrong with its settings is said here. */
export async function openSinks(deps: SinksDeps): Promise<Sinks> {
  await using opening = new Lifetime();
  const { engine, outbox, clock } = deps;
  const workers: SinkWorker[] = [];
  const paces = openPaces(() => clock.monotonicMs());
  for (const sink of engine.plan.sinks) {
    const destination = await openDestination(sink, { ...deps, paces });
    const worker = new SinkWorker(sink, {
      engine,
      outbox,
      destination,
      monotonicMs: () => clock.monotonicMs(),
      random: Math.random,
      onTrouble: (status) => deps.onTrouble?.(status),
    });
    opening.defer(() => worker.stop());
    workers.push(worker);
  }
  for (const worker of workers) worker.start();
  return new OpenSinks(deps, workers, opening.move());
}

class OpenSinks implements Sinks {
  readonly #deps: SinksDeps;
  readonly #workers: readonly SinkWorker[];
  readonly #lifetime: Lifetime;
  readonly #timer: NodeJS.Timeout;
  #acknowledging: Promise<void> = Promise.resolve();

  constructor(deps: SinksDeps, workers: readonly SinkWorker[], lifetime: Lifetime) {
    this.#deps = deps;
    this.#workers = workers;
    this.#lifetime = lifetime;
    deps.outbox.listen((changed) => {
      for (const worker of workers) if (changed.includes(worker.sink.from)) worker.rowsCame();
    });
    // The replay is over by now, and nobody listened to it.
    for (const worker of workers) worker.rowsCame();
    this.#timer = setInterval(() => void this.#acknowledge(), ACKNOWLEDGE_MS);
    this.#timer.unref();
  }

  status(): readonly SinkStatus[] {
    return this.#workers.map((worker) => worker.status());
  }

  async pause(name: string): Promise<SinkStatus> {
    return await this.#command({ kind: "pause", sink: name });
  }

  async resume(name: string): Promise<SinkStatus> {
    return await this.#command({ kind: "resume", sink: name });
  }

  retry(name: string): SinkStatus {
    const worker = this.#worker(name);
    worker.wake();
    return worker.status();
  }

  async #command(command: Extract<OutboxCommand, { readonly sink: string }>): Promise<SinkStatus> {
    const worker = this.#worker(command.sink);
    await this.#deps.engine.command("outbox", command);
    worker.wake();
    return worker.status();
  }

  #worker(name: string): SinkWorker {
    const worker = this.#workers.find((one) => one.sink.name === name);
    if (worker !== undefined) return worker;
    throw new KurobeError("KRB_SINKS_UNKNOWN", `the project has no sink ${JSON.stringify(name)}`);
  }

  /** One after the other: an entry that waits for a slow disk is not followed by a second one. */
  #acknowledge(): Promise<void> {
    this.#acknowledging = this.#acknowledging.then(async () => {
      const { engine, outbox } = this.#deps;
      const command = outbox.acknowledgement();
      if (command === null) return;
      // Without it a restart delivers some rows again, under the same ids: nothing is lost.
      await engine.command("outbox", command).catch(() => undefined);
    });
    return this.#acknowledging;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#deps.outbox.listen(() => undefined);
    await this.#lifetime[Symbol.asyncDispose]();
    await this.#acknowledge();
  }
}
