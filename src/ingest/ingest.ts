/** The front door: bounds what comes in, writes it to the log, and waits for what became of it. */
import { KurobeError } from "../core/errors.ts";
import { type Engine, type Outcome } from "../engine/engine.ts";
import { contentKey } from "../log/content-key.ts";
import { type BodyFormat, type Cursor, type TimeUnit } from "../log/entry.ts";
import { LINE_PROTOCOL } from "../plan/line-protocol.ts";
import { type Plan } from "../plan/plan.ts";

export interface IngestLimits {
  /** Of one body, after content decoding. */
  readonly maxBodyBytes: number;
  /** Of all bodies that were accepted and are not yet applied, together. */
  readonly maxPendingBytes: number;
}

export interface IngestRequest {
  readonly dataset: string;
  readonly format: BodyFormat;
  /** After content decoding. Must not change until the outcome is there. */
  readonly body: Uint8Array;
  readonly onInvalid: "dead_letter" | "reject";
  /** Empty: the watermark follows the unnamed producer. */
  readonly producer: string;
  /** Empty: a repeated request is a new one. */
  readonly idempotencyKey: string;
  /** Where a source goes on once the rows are stored: it changes with them, or not at all. */
  readonly cursor?: Cursor | undefined;
  /** The rows are history, and part of the replay of this name. Absent: they are live. */
  readonly replay?: string | undefined;
}

export interface LinesRequest {
  /** Line protocol, after content decoding. Must not change until the outcome is there. */
  readonly body: Uint8Array;
  readonly timeUnit: TimeUnit;
  readonly producer: string;
  /** Empty: the bytes themselves make a retry recognisable, where every point has its time. */
  readonly idempotencyKey: string;
}

export interface Ingest {
  readonly limits: IngestLimits;
  /** Throws KRB_INGEST_UNKNOWN_DATASET. Call before reading a body. */
  checkDataset(name: string): void;
  /** Throws KRB_INGEST_REPLAY for a dataset that cannot take history beside live rows. */
  checkReplay(name: string): void;
  /**
   * Holds room for a body that is about to be read. Throws KRB_INGEST_BUSY (429, retry in a second)
   * when too much is pending, KRB_INGEST_TOO_LARGE for a body beyond the limit. Release it when
   * done.
   */
  reserve(sizeBytes: number): Reservation;
  /** Resolves when the rows are durable and visible, or the body is refused. */
  accept(request: IngestRequest): Promise<Outcome>;
  /** The same for points, each of which goes to the dataset that takes its measurement. */
  acceptLines(request: LinesRequest): Promise<Outcome>;
  readonly pendingBytes: number;
  /** How far a source has come, by its own keys; the least recently changed first. */
  cursors(source: string): ReadonlyMap<string, string>;
  forgetCursors(source: string, keys: readonly string[]): Promise<void>;
}

export interface Reservation extends Disposable {
  /** The body turned out larger: same errors as `reserve`. */
  grow(toBytes: number): void;
}

export function openIngest(
  plan: Plan,
  deps: { readonly engine: Engine; readonly limits: IngestLimits },
): Ingest {
  return new FrontDoor(plan, deps.engine, deps.limits);
}

class FrontDoor implements Ingest {
  readonly limits: IngestLimits;
  readonly #plan: Plan;
  readonly #datasets: ReadonlySet<string>;
  readonly #engine: Engine;
  #pendingBytes = 0;

  constructor(plan: Plan, engine: Engine, limits: IngestLimits) {
    this.#plan = plan;
    this.#datasets = new Set(plan.datasets.map((dataset) => dataset.name));
    this.#engine = engine;
    this.limits = limits;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  checkDataset(name: string): void {
    if (this.#datasets.has(name)) return;
    const known = [...this.#datasets].join(", ");
    throw new KurobeError(
      "KRB_INGEST_UNKNOWN_DATASET",
      `there is no dataset ${JSON.stringify(name.slice(0, 80))}`,
      {
        hint: `The project has: ${known}.`,
        details: { dataset: name.slice(0, 80) },
      },
    );
  }

  checkReplay(name: string): void {
    this.checkDataset(name);
    const problem = replayProblem(this.#plan, name);
    if (problem !== null) throw problem;
  }

  reserve(sizeBytes: number): Reservation {
    let held = 0;
    const grow = (toBytes: number): void => {
      if (toBytes > this.limits.maxBodyBytes) {
        throw new KurobeError(
          "KRB_INGEST_TOO_LARGE",
          `the body is larger than ${this.limits.maxBodyBytes} bytes`,
          {
            details: { maxBodyBytes: this.limits.maxBodyBytes },
          },
        );
      }
      const more = toBytes - held;
      if (more <= 0) return;
      // A single body always fits when nothing else is pending, whatever the bound.
      if (this.#pendingBytes > 0 && this.#pendingBytes + more > this.limits.maxPendingBytes) {
        throw new KurobeError("KRB_INGEST_BUSY", `${this.#pendingBytes} bytes wait to be applied`, {
          details: { retryAfterSeconds: 1 },
        });
      }
      this.#pendingBytes += more;
      held = toBytes;
    };
    grow(sizeBytes);
    return {
      grow,
      [Symbol.dispose]: () => {
        this.#pendingBytes -= held;
        held = 0;
      },
    };
  }

  cursors(source: string): ReadonlyMap<string, string> {
    return this.#engine.cursors(source);
  }

  forgetCursors(source: string, keys: readonly string[]): Promise<void> {
    return this.#engine.forgetCursors(source, keys);
  }

  async acceptLines({ body, timeUnit, producer, idempotencyKey }: LinesRequest): Promise<Outcome> {
    const header = {
      dataset: LINE_PROTOCOL,
      format: "lineprotocol",
      onInvalid: "dead_letter",
      producer,
      idempotencyKey: idempotencyKey === "" ? contentKey(body, timeUnit) : idempotencyKey,
      timeUnit,
    } as const;
    return this.#engine.submit(header, body).outcome;
  }

  async accept(request: IngestRequest): Promise<Outcome> {
    this.checkDataset(request.dataset);
    if (request.replay !== undefined) this.checkReplay(request.dataset);
    const { body, ...header } = request;
    return this.#engine.submit(header, body).outcome;
  }
}

/** Null where history can be loaded beside live rows. */
function replayProblem({ datasets, streams }: Plan, name: string): KurobeError | null {
  const dataset = datasets.find((one) => one.name === name);
  const details = { dataset: name };
  if (dataset !== undefined && dataset.key.length > 0 && !dataset.key.includes(dataset.eventTime)) {
    const message = `an older row of ${name} would replace the newest one of its key`;
    const hint = `Its key leaves ${dataset.eventTime} out: load its history before live rows.`;
    return new KurobeError("KRB_INGEST_REPLAY", message, { hint, details });
  }
  const reader = streams.find((one) =>
    [one.from, ...one.joins.map((join) => join.with)].includes(name),
  );
  if (reader === undefined) return null;
  return new KurobeError("KRB_INGEST_REPLAY", `the stream ${reader.name} follows ${name}`, {
    hint: "Send history as live rows, then `kurobe late replay` lets them count.",
    details,
  });
}
