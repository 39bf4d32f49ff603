/** What a run costs the servers while it goes on: looks at their processor time, now and then. */
import { hasSame, type ServerMeter } from "./server-meter.ts";

/** Milliseconds since the epoch, and of processor time. */
export interface CpuLook {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly servers: readonly string[];
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
    const { cpuMs, servers } = await this.#meter.readCpu();
    if (cpuMs === null) return;
    this.#looks.push({ atMs: (beforeMs + Date.now()) / 2, cpuMs, servers });
  }
}

/**
 * Cores that were busy between two times, from the looks around them; null outside of the looks,
 * and where they are not of the same servers.
 */
export function coresBetween(
  looks: readonly CpuLook[],
  fromMs: number,
  toMs: number,
): number | null {
  const [from, to] = [lookAt(looks, fromMs), lookAt(looks, toMs)];
  if (from === undefined || to === undefined || !hasSame(from, to)) return null;
  const cpuMs = to.cpuMs - from.cpuMs;
  return cpuMs < 0 || toMs <= fromMs ? null : cpuMs / (toMs - fromMs);
}

/** As it would have been at that time, from the looks before and after it. */
function lookAt(looks: readonly CpuLook[], atMs: number): CpuLook | undefined {
  const next = looks.findIndex((look) => look.atMs >= atMs);
  const right = looks[next];
  if (right === undefined || right.atMs === atMs) return right;
  const left = looks[next - 1];
  if (left === undefined || !hasSame(left, right)) return undefined;
  const share = (atMs - left.atMs) / (right.atMs - left.atMs);
  return { ...right, atMs, cpuMs: left.cpuMs + share * (right.cpuMs - left.cpuMs) };
}
