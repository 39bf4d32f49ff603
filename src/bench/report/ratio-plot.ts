/** Every judgement as a ratio with its interval; right of the line the target is better. */
import { type ComparisonRow } from "../compare/comparison.ts";
import { showRatio } from "./figures.ts";
import { gridColumns } from "./grid.ts";
import { html, type Markup } from "./markup.ts";
import { clip } from "./throughput-bars.ts";

const WIDTH = 760;
const LEFT = 210;
const RIGHT = 150;
const ROW = 26;
const TOP = 22;
const AXIS = 26;
const NARROWEST = Math.log(1.06);

interface Advantage {
  readonly row: ComparisonRow;
  /** Logarithms; above 0 the target is better. */
  readonly middle: number;
  readonly low: number;
  readonly high: number;
}

/** Null where nothing could be judged. */
export function ratioPlot(rows: readonly ComparisonRow[]): Markup | null {
  const advantages = rows.filter(({ verdict }) => verdict !== "too_few").map(advantageOf);
  if (advantages.length === 0) return null;
  const reach = Math.max(
    NARROWEST,
    ...advantages.flatMap(({ low, high, row }) => [-low, high, Math.log1p(row.floor) * 1.2]),
  );
  const x = (log: number): number =>
    LEFT + (WIDTH - LEFT - RIGHT) * (0.5 + log / (2 * reach * 1.05));
  const bottom = TOP + advantages.length * ROW;
  const [{ row } = {}] = advantages;
  return html`<svg viewBox="0 0 ${WIDTH} ${bottom + AXIS}" role="img" aria-label="Ratios">
    <text class="tick" x="${x(0) - 8}" y="12" text-anchor="end">← ${clip(row?.baseline ?? "")} better</text>
    <text class="tick" x="${x(0) + 8}" y="12">${clip(targetText(rows))} better →</text>
    ${gridColumns(
      ticksFor(reach).map((tick) => ({
        at: x(Math.log(tick)),
        text: `${tick.toFixed(2)}×`,
        isZero: tick === 1,
      })),
      TOP,
      bottom,
    )}
    ${advantages.map((advantage, index) => line(advantage, TOP + index * ROW, x))}
  </svg>`;
}

function advantageOf(row: ComparisonRow): Advantage {
  const [middle, low, high] = [row.ratio, row.low, row.high].map(Math.log) as [
    number,
    number,
    number,
  ];
  return row.metric === "throughput"
    ? { row, middle, low, high }
    : { row, middle: -middle, low: -high, high: -low };
}

function targetText(rows: readonly ComparisonRow[]): string {
  const names = [...new Set(rows.map(({ target }) => target))];
  return names.length === 1 ? (names[0] ?? "") : "the other";
}

function line(
  { row, middle, low, high }: Advantage,
  y: number,
  x: (log: number) => number,
): Markup {
  const center = y + ROW / 2;
  const floor = Math.log1p(row.floor);
  const figure = row.metric === "throughput" ? "throughput" : `${row.metric} latency`;
  const what = row.command === null ? figure : `${clip(row.command, 25)} ${row.metric}`;
  const whole = row.command === null ? figure : `${row.command} ${row.metric}`;
  return html`<g class="verdict ${row.verdict}">
    <title>${row.target} against ${row.baseline}, ${whole}: ${row.verdict.replaceAll("_", " ")}</title>
    <rect
      class="band"
      x="${x(-floor)}"
      y="${y + 3}"
      width="${x(floor) - x(-floor)}"
      height="${ROW - 6}"
      rx="3"
    />
    <text class="label" x="${LEFT - 12}" y="${center + 4}" text-anchor="end">${what}</text>
    <path class="whisker" d="M${x(low)} ${center}H${x(high)}" />
    <circle cx="${x(middle)}" cy="${center}" r="5" />
    <text class="value" x="${WIDTH - RIGHT + 12}" y="${center + 4}">
      ${showRatio(Math.exp(middle))} (${Math.exp(low).toFixed(2)}–${Math.exp(high).toFixed(2)})
    </text>
  </g>`;
}

/** Round ratios on both sides of 1, five to nine of them. */
function ticksFor(reach: number): readonly number[] {
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
  const most = Math.expm1(reach);
  const step = steps.find((each) => most / each <= 4) ?? most / 4;
  const count = Math.floor(most / step);
  const above = Array.from({ length: count }, (_, index) => 1 + (index + 1) * step);
  return [...above.map((each) => 1 / each).toReversed(), 1, ...above];
}
