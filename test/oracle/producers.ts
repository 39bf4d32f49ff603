/** How far event time has come: the slowest active producer decides, and nothing goes back. */
import { type WatermarkPlan } from "../../src/plan/plan.ts";

interface Producer {
  newestUs: bigint;
  lastReceivedUs: bigint;
  isIdle: boolean;
}

export class Producers {
  readonly #plan: WatermarkPlan;
  readonly #producers = new Map<string, Producer>();
  watermarkUs: bigint | null = null;
  newestUs: bigint | null = null;

  constructor(plan: WatermarkPlan) {
    this.#plan = plan;
  }

  /** One accepted row. */
  see(name: string, eventTimeUs: bigint, receivedAtUs: bigint): void {
    if (this.newestUs === null || eventTimeUs > this.newestUs) this.newestUs = eventTimeUs;
    const known = this.#producers.get(name);
    if (known === undefined) {
      this.#producers.set(name, {
        newestUs: eventTimeUs,
        lastReceivedUs: receivedAtUs,
        isIdle: false,
      });
    } else {
      if (eventTimeUs > known.newestUs) known.newestUs = eventTimeUs;
      if (receivedAtUs > known.lastReceivedUs) known.lastReceivedUs = receivedAtUs;
      known.isIdle = false;
    }
    this.#move();
  }

  /** Whoever was silent for longer than the timeout holds nobody back until it sends again. */
  tick(receivedAtUs: bigint): void {
    const { idleTimeoutUs } = this.#plan;
    if (idleTimeoutUs === null) return;
    for (const producer of this.#producers.values()) {
      if (receivedAtUs - producer.lastReceivedUs > BigInt(idleTimeoutUs)) producer.isIdle = true;
    }
    this.#move();
  }

  #move(): void {
    const all = [...this.#producers.values()];
    const active = all.filter((producer) => !producer.isIdle).map((producer) => producer.newestUs);
    const newest = all.map((producer) => producer.newestUs);
    if (newest.length === 0) return;
    const lead =
      active.length > 0
        ? active.reduce((a, b) => (a < b ? a : b))
        : newest.reduce((a, b) => (a > b ? a : b));
    const next = lead - BigInt(this.#plan.outOfOrdernessUs);
    if (this.watermarkUs === null || next > this.watermarkUs) this.watermarkUs = next;
  }
}
