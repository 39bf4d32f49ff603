/** What a receiver gets: one row, what became of it, and the key by which a repetition is known. */
import { hash } from "node:crypto";
import { type Change, type JsonCell } from "../engine/engine.ts";
import { type DatasetPlan, type Plan, type SinkPlan } from "../plan/plan.ts";

export interface Delivery {
  readonly sink: string;
  /** The dataset, window or alert whose row it is. */
  readonly relation: string;
  /**
   * `insert`: a row of a relation without a key. `upsert`: it replaces the row of its key.
   * `delete`: the row of its key is taken back.
   */
  readonly op: "insert" | "upsert" | "delete";
  /** The same for each repetition, also after a crash. */
  readonly id: string;
  /** Grows from one version of a key to the next. */
  readonly revision: number;
  /** As `revision`, and it also grows when the whole relation is computed anew. */
  readonly version: number;
  readonly key: Readonly<Record<string, JsonCell>>;
  readonly row: Readonly<Record<string, JsonCell>>;
  /** Its place in the relation, for the cursor. */
  readonly seq: number;
  /** Deliveries of one lane come in order: those of one key, and of one group of a window. */
  readonly lane: string;
}

export interface DeliveryRules {
  /** Null for rows that nobody is told of. */
  deliveryOf(change: Change): Delivery | null;
}

/**
 * Results of windows get another `_seq` when a replay groups log entries otherwise, so their key
 * and revision tell one from another, and an alert's key alone. Of other rows it is the `_seq` with
 * the row itself.
 */
export function deliveryRules(
  plan: Plan,
  sink: SinkPlan,
  relation: DatasetPlan,
  epoch: number,
): DeliveryRules {
  const isWindow = plan.windows.some((window) => window.name === sink.from);
  const isAlert = plan.alerts.some((alert) => alert.name === sink.from);
  const isKeyed = relation.key.length > 0;
  const source: Source = {
    sink: sink.name,
    relation: sink.from,
    epoch,
    key: relation.key,
    lane: relation.key.filter(
      (name) => name !== relation.eventTime && !(isAlert && name === "state"),
    ),
    isKnownByKey: isWindow || isAlert,
  };
  return {
    deliveryOf: (change) => {
      const { seq, isDeleted, row } = change;
      if (isAlert && row["notify"] !== true) return null;
      const revision = isWindow ? Number(row["revision"]) : isAlert ? 1 : seq;
      // What an open window comes to so far is for those who watch it.
      if (isWindow && revision === 0) return null;
      const op = isDeleted ? "delete" : isKeyed ? "upsert" : "insert";
      return new ChangeDelivery(source, op, revision, change);
    },
  };
}

/** What the deliveries of one sink have in common. */
interface Source {
  readonly sink: string;
  readonly relation: string;
  readonly epoch: number;
  readonly key: readonly string[];
  /** Columns of the key that say what has to stay in order. */
  readonly lane: readonly string[];
  /** Whether key and revision tell one delivery from another. */
  readonly isKnownByKey: boolean;
}

/** Made by the hundred thousand: what few receivers ask for is computed when they do. */
class ChangeDelivery implements Delivery {
  readonly #source: Source;
  readonly op: Delivery["op"];
  readonly revision: number;
  readonly version: number;
  readonly key: Delivery["key"];
  readonly row: Delivery["row"];
  readonly seq: number;
  #id: string | null = null;

  constructor(source: Source, op: Delivery["op"], revision: number, { seq, row }: Change) {
    this.#source = source;
    this.op = op;
    this.revision = revision;
    this.version = source.epoch * EPOCH_STEP + revision;
    const key: Record<string, JsonCell> = {};
    for (const name of source.key) key[name] = row[name] ?? null;
    this.key = key;
    this.row = row;
    this.seq = seq;
  }

  get sink(): string {
    return this.#source.sink;
  }

  get relation(): string {
    return this.#source.relation;
  }

  get id(): string {
    this.#id ??= this.#newId();
    return this.#id;
  }

  #newId(): string {
    const { sink, relation, epoch, isKnownByKey } = this.#source;
    const own = Object.values(isKnownByKey ? this.key : this.row);
    const identity = [sink, relation, epoch, this.op, own, this.revision];
    return `dlv_${shortHash(JSON.stringify(identity))}`;
  }

  get lane(): string {
    const { key, lane } = this.#source;
    if (key.length === 0) return String(this.seq);
    return JSON.stringify(lane.map((name) => this.row[name]));
  }
}

/** More revisions than one computation ever has; the product stays an exact number. */
const EPOCH_STEP = 2 ** 40;

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * The first 128 bits of the SHA-256 in base64url: enough that no two of them ever meet. Of the 22nd
 * character two bits count. A buffer to cut them out of would take three times as long.
 */
function shortHash(text: string): string {
  const whole = hash("sha256", text, "base64url");
  const last = BASE64URL.indexOf(whole.charAt(21)) & 0b11_0000;
  return whole.slice(0, 21) + BASE64URL.charAt(last);
}

/** The delivery as JSON for receivers that take ours as it is. */
export function bodyOf(delivery: Delivery): Readonly<Record<string, unknown>> {
  const { sink, relation, op, id, revision, key, row } = delivery;
  const shown = op === "delete" ? null : row;
  return { type: `${relation}.${op}`, id, sink, relation, op, revision, key, row: shown };
}

/** The same for the same deliveries in the same order. */
export function batchId(batch: readonly Delivery[]): string {
  return `bat_${shortHash(batch.map(({ id }) => id).join("\n"))}`;
}
