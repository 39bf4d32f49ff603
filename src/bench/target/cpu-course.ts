/** What a run costs the servers while it goes on: looks at their processor time, now and then. */
import { type ServerMeter } from "./server-meter.ts";

/** Milliseconds since the epoch, and of processor time. */
export interface CpuLook {
  readonly atMs: number;
  readonly cpuMs: number;
}

export class CpuCourse {
  readonly #meter: ServerMeter;
  readonly #looks: CpuLook[] = [];
  readonly #timer: NodeJS.Timeout;
  #last: Promise<void>;

  constructor(meter: ServerMeter, everyMs: number) {
    this.#meter = meter;
    this.#last = this.#look();
    this.#timer = setInterval(() => {
      this.#last = this.#last.then(() => this.#look());
    }, everyMs);
  }

  /** All looks, the one of this moment included; none where the servers do not tell. */
  async finish(): Promise<readonly CpuLook[]> {
    clearInterval(this.#timer);
    await this.#last;
    await this.#look();
    return this.#looks;
  }

  async #look(): Promise<void> {
    const beforeMs = Date.now();
    const cpuMs = await this.#meter.readCpuMs();
    if (cpuMs !== null) this.#looks.push({ atMs: (beforeMs + Date.now()) / 2, cpuMs });
  }
}

/**
 * Cores that were busy between two times, from the looks around them; null outside of the looks,
 * and where a server has begun to count anew.
 */
export function coresBetween(
  looks: readonly CpuLook[],
  fromMs: number,
  toMs: number,
): number | null {
  const from = cpuAt(looks, fromMs);
  const to = cpuAt(looks, toMs);
  if (from === null || to === null || to < from || toMs <= fromMs) return null;
  return (to - from) / (toMs - fromMs);
}

function cpuAt(looks: readonly CpuLook[], atMs: number): number | null {
  const next = looks.findIndex((look) => look.atMs >= atMs);
  const right = looks[next];
  if (right === undefined) return null;
  const left = looks[next - 1];
  if (left === undefined) return right.atMs === atMs ? right.cpuMs : null;
  const share = (atMs - left.atMs) / (right.atMs - left.atMs);
  return left.cpuMs + share * (right.cpuMs - left.cpuMs);
}
