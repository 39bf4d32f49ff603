/**
 * SYNTHETIC trades of 500 symbols: a seeded random walk, not market data. The same seed gives the
 * same rows on every machine.
 *
 *   npx tsx examples/market/synthetic-ticks.ts --rows 1000000 | npx kurobe ingest ticks -
 */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface TickOptions {
  readonly seed: number;
  readonly rows: number;
  readonly symbols: number;
  /** Milliseconds of event time between two trades of the whole market, on average. */
  readonly everyMs: number;
  /** One trade in this many is reported up to 20 s late. */
  readonly lateOneIn: number;
}

export const TICK_DEFAULTS: TickOptions = {
  seed: 1,
  rows: 1_000_000,
  symbols: 500,
  everyMs: 20,
  lateOneIn: 200,
};

export interface Tick {
  readonly time: string;
  readonly symbol: string;
  readonly price: number;
  readonly quantity: number;
}

const OPENING_BELL_MS = Date.UTC(2026, 2, 2, 14, 30);

export function* syntheticTicks(options: Partial<TickOptions> = {}): Generator<Tick> {
  const { seed, rows, symbols, everyMs, lateOneIn } = { ...TICK_DEFAULTS, ...options };
  const random = mulberry32(seed);
  const pricesInTenThousandths = Array.from(
    { length: symbols },
    () => 100_000 + random() * 4_900_000,
  );
  let nowMs = OPENING_BELL_MS;
  for (let row = 0; row < rows; row++) {
    nowMs += random() * 2 * everyMs;
    const symbol = Math.floor(random() ** 2 * symbols);
    const moved = (pricesInTenThousandths[symbol] ?? 0) * (1 + (random() - 0.5) * 0.002);
    pricesInTenThousandths[symbol] = moved;
    const lateMs = random() * lateOneIn < 1 ? random() * 20_000 : 0;
    yield {
      time: new Date(nowMs - lateMs).toISOString(),
      symbol: `SYM${String(symbol).padStart(3, "0")}`,
      price: Math.round(moved) / 10_000,
      quantity: 1 + Math.floor(random() * 500),
    };
  }
}

/** A 32-bit generator by Tommy Ettinger, in the public domain: small, fast, the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rows: { type: "string" }, seed: { type: "string" } } });
  const rows = Number(values.rows ?? TICK_DEFAULTS.rows);
  const seed = Number(values.seed ?? TICK_DEFAULTS.seed);
  let text = "";
  for (const tick of syntheticTicks({ rows, seed })) {
    text += `${JSON.stringify(tick)}\n`;
    if (text.length < 65_536) continue;
    const isTaken = process.stdout.write(text);
    text = "";
    if (!isTaken) await new Promise((go) => process.stdout.once("drain", go));
  }
  process.stdout.write(text);
}

if (realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) await main();
