/** Of several deliveries of one key in a batch only the newest matters to what keeps rows. */
import { type Delivery } from "./delivery.ts";

export interface Newest {
  /** The key's values in the relation's order, as JSON; the id where there is no key. */
  readonly key: string;
  readonly delivery: Delivery;
}

/** In the order in which their keys came first. Deliveries of one key come in order. */
export function newestPerKey(batch: readonly Delivery[]): readonly Newest[] {
  const newest = new Map<string, Newest>();
  for (const delivery of batch) {
    const key =
      delivery.op === "insert" ? delivery.id : JSON.stringify(Object.values(delivery.key));
    newest.set(key, { key, delivery });
  }
  return [...newest.values()];
}
