/**
 * The S&P 500's daily bars from 2000 to 2020, one row a trading day, as NDJSON.
 *
 *   npx tsx examples/market/daily.ts | npx kurobe ingest daily -
 */
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = createRequire(import.meta.url).resolve("vega-datasets");
const SOURCE = join(dirname(PACKAGE), "..", "data", "sp500-2000.csv");

export interface DailyBar {
  /** New York's wall clock at the closing bell. */
  readonly closed: string;
  readonly symbol: string;
  /** Ten digits at most, which a JavaScript number prints back as they were. */
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

export function readDailyBars(): readonly DailyBar[] {
  const [header = "", ...lines] = readFileSync(SOURCE, "utf8").trim().split(/\r?\n/);
  const names = header.split(",");
  return lines.map((line) => {
    const cells = line.split(",");
    const cell = (name: string): string => cells[names.indexOf(name)] ?? "";
    return {
      closed: `${cell("date")}T16:00:00`,
      symbol: "SPX",
      open: Number(cell("open")),
      high: Number(cell("high")),
      low: Number(cell("low")),
      close: Number(cell("close")),
      volume: Number(cell("volume")),
    };
  });
}

if (realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) {
  for (const bar of readDailyBars()) process.stdout.write(`${JSON.stringify(bar)}\n`);
}
