/** Which latency how many of the requests stayed below: tails drawn as wide as middles. */
import { percentileUs } from "../result/histogram-record.ts";
import { showMs, withoutZeros } from "./figures.ts";
import { gridColumns, gridRows } from "./grid.ts";
import { html, type Markup } from "./markup.ts";
import { type ReportGroup, type ReportLane } from "./report-model.ts";
import { logScale } from "./scale.ts";

const WIDTH = 760;
const HEIGHT = 260;
const LEFT = 64;
const RIGHT = 24;
const TOP = 12;
const BOTTOM = 34;
/** A percentile with fewer requests beyond it is luck. */
const LEAST_BEYOND = 10;
const SHARES = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999] as const;

interface Curve {
  readonly lane: ReportLane;
  /** How many nines, and milliseconds. */
  readonly points: readonly (readonly [number, number])[];
}

/** Null where no target has latencies. */
export function percentileCurves({ lanes, title }: ReportGroup): Markup | null {
  const curves = lanes.map(curveOf).filter(({ points }) => points.length > 1);
  const values = curves.flatMap(({ points }) => points.map(([, ms]) => ms));
  if (values.length === 0) return null;
  const nines = Math.max(...curves.flatMap(({ points }) => points.map(([place]) => place)));
  const x = (place: number): number => LEFT + (place / nines) * (WIDTH - LEFT - RIGHT);
  const y = logScale(Math.min(...values), Math.max(...values), [HEIGHT - BOTTOM, TOP]);
  const shares = SHARES.filter((share) => ninesOf(share) <= nines + 0.01);
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Latencies, ${title}">
    ${gridRows(
      y.ticks.map((tick) => ({ at: y.at(tick), text: withoutZeros(showMs(tick)) })),
      LEFT,
      WIDTH - RIGHT,
    )}
    ${gridColumns(
      shares.map((share) => ({ at: x(ninesOf(share)), text: shareName(share) })),
      TOP,
      HEIGHT - BOTTOM,
    )}
    ${curves.map(
      ({ lane, points }) => html`<path
        class="stroke s${lane.color % 6}"
        d="${pathThrough(points.map(([place, ms]) => [x(place), y.at(ms)]))}"
        ><title>${lane.name}</title></path
      >`,
    )}
  </svg>`;
}

function curveOf(lane: ReportLane): Curve {
  const record = lane.result.histogram.all;
  const last = ninesOf(1 - LEAST_BEYOND / Math.max(LEAST_BEYOND, record.count));
  const steps = 120;
  const points: (readonly [number, number])[] = [];
  for (let step = 0; step <= steps && record.count > LEAST_BEYOND; step++) {
    const place = (step / steps) * last;
    const valueUs = percentileUs(record, 1 - 10 ** -place);
    if (valueUs !== null && valueUs > 0) points.push([place, valueUs / 1000]);
  }
  return { lane, points };
}

/** 0.99 has two. */
function ninesOf(share: number): number {
  return -Math.log10(1 - share);
}

function shareName(share: number): string {
  return share === 0 ? "fastest" : `${Number((share * 100).toFixed(4))} %`;
}

export function pathThrough(points: readonly (readonly [number, number])[]): string {
  return points
    .map(([x, y], index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join("");
}
