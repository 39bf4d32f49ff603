/** What a receiver has of a sink after crashes and repetitions, and what was wrong with it. */

/** The body of a webhook, as far as the ledger reads it. */
export interface Delivered {
  readonly id: string;
  readonly relation: string;
  readonly op: "insert" | "upsert" | "delete";
  readonly revision: number;
  readonly key: Readonly<Record<string, unknown>>;
  readonly row: Readonly<Record<string, unknown>> | null;
}

export class DeliveryLedger {
  /** Broken promises, in words. */
  readonly wrong: string[] = [];
  /** Deliveries that came again. */
  repeated = 0;
  retractions = 0;
  readonly #seen = new Map<string, string>();
  readonly #newest = new Map<string, Delivered>();
  /** For each life of the sender: the newest revision of each key. */
  readonly #lives = new Map<number, Map<string, number>>();

  /** What one request brought; `life` counts the processes that sent. */
  take(life: number, deliveries: readonly Delivered[]): void {
    for (const delivery of deliveries) this.#takeOne(life, delivery);
  }

  #takeOne(life: number, delivery: Delivered): void {
    const { id, relation, op, key, revision } = delivery;
    const text = JSON.stringify(delivery);
    const before = this.#seen.get(id);
    if (before !== undefined) this.repeated += 1;
    else if (op === "delete") this.retractions += 1;
    if (before !== undefined && before !== text)
      this.wrong.push(`two deliveries have the id ${id}: ${before} and ${text}`);
    this.#seen.set(id, text);
    const name = `${relation} ${op === "insert" ? id : JSON.stringify(key)}`;
    const order = this.#lives.get(life) ?? new Map<string, number>();
    this.#lives.set(life, order);
    const last = order.get(name) ?? 0;
    // A receiver that did not answer gets the same again; what was not there yet comes in order.
    if (revision < last && before === undefined)
      this.wrong.push(`revision ${revision} after ${last} of ${name}`);
    order.set(name, Math.max(last, revision));
    const held = this.#newest.get(name);
    if (held === undefined || held.revision < revision) this.#newest.set(name, delivery);
  }

  /** Rows that a receiver holds who keeps the newest revision of each key, as sorted JSON. */
  held(relation: string): readonly string[] {
    const own = [...this.#newest.values()].filter((one) => one.relation === relation);
    return own
      .filter(({ op }) => op !== "delete")
      .map(({ row }) => JSON.stringify(row))
      .toSorted();
  }
}
