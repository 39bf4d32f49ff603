/** What a receiver gets: one row, what became of it, and the key by which a repetition is known. */
import { createHash } from "node:crypto";
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
  const laneNames = relation.key.filter(
    (name) => name !== relation.eventTime && !(isAlert && name === "state"),
  );
  return {
    deliveryOf: ({ seq, isDeleted, row }) => {
      const key = Object.fromEntries(relation.key.map((name) => [name, row[name] ?? null]));
      if (isAlert && row["notify"] !== true) return null;
      const revision = isWindow ? Number(row["revision"]) : isAlert ? 1 : seq;
      // What an open window comes to so far is for those who watch it.
      if (isWindow && revision === 0) return null;
      const op = isDeleted ? "delete" : isKeyed ? "upsert" : "insert";
      const own = isWindow || isAlert ? Object.values(key) : Object.values(row);
      const identity = [sink.name, sink.from, epoch, op, own, revision];
      const lane = isKeyed ? JSON.stringify(laneNames.map((name) => row[name])) : String(seq);
      return {
        ...{ sink: sink.name, relation: sink.from, op, revision, key, row, seq, lane },
        id: idOf(identity),
        version: epoch * EPOCH_STEP + revision,
      };
    },
  };
}

/** More revisions than one computation ever has; the product stays an exact number. */
const EPOCH_STEP = 2 ** 40;

/** 128 bits: enough that no two of them ever meet. */
function idOf(identity: readonly unknown[]): string {
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest();
  return `dlv_${hash.subarray(0, 16).toString("base64url")}`;
}

/** The delivery as JSON for receivers that take ours as it is. */
export function bodyOf(delivery: Delivery): Readonly<Record<string, unknown>> {
  const { sink, relation, op, id, revision, key, row } = delivery;
  const shown = op === "delete" ? null : row;
  return { type: `${relation}.${op}`, id, sink, relation, op, revision, key, row: shown };
}

/** The same for the same deliveries in the same order. */
export function batchId(batch: readonly Delivery[]): string {
  const hash = createHash("sha256")
    .update(batch.map(({ id }) => id).join("\n"))
    .digest();
  return `bat_${hash.subarray(0, 16).toString("base64url")}`;
}
