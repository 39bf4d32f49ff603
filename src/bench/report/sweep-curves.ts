/** The 99th percentile at each rate of a sweep: flat, and then a wall. */
import { showMs, showRate, withoutZeros } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { pathThrough } from "./percentile-curves.ts";
import { type ReportGroup, type ReportLane } from "./report-model.ts";
import { logScale } from "./scale.ts";

const WIDTH = 760;
const HEIGHT = 240;
const LEFT = 64;
const RIGHT = 24;
const TOP = 16;
const BOTTOM = 34;

type Step = ReportLane["result"]["stats"]["sweep"][number];

/** Null where no rate was raised. */
export function sweepCurves(
  group: ReportGroup,
): { readonly plot: Markup; readonly note: string } | null {
  const limitMs = group.lanes[0]?.result.config.sweep?.max_p99_ms;
  const lanes = group.lanes.map((lane) => ({ lane, steps: stepsOf(lane) }));
  const all = lanes.flatMap(({ steps }) => steps);
  if (limitMs === undefined || all.length === 0) return null;
  const rates = all.map(({ rate }) => rate);
  const tails = [...all.map(tailMs), limitMs];
  const x = logScale(Math.min(...rates), Math.max(...rates), [LEFT, WIDTH - RIGHT]);
  const y = logScale(Math.min(...tails), Math.max(...tails), [HEIGHT - BOTTOM, TOP]);
  const plot = html`<svg
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    role="img"
    aria-label="p99 by rate, ${group.title}"
  >
    ${y.ticks.map(
      (tick) => html`<line
          class="grid"
          x1="${LEFT}"
          x2="${WIDTH - RIGHT}"
          y1="${y.at(tick)}"
          y2="${y.at(tick)}"
        />
        <text class="tick" x="${LEFT - 8}" y="${y.at(tick) + 4}" text-anchor="end">
          ${withoutZeros(showMs(tick))}
        </text>`,
    )}
    ${x.ticks.map(
      (tick) =>
        html`<text class="tick" x="${x.at(tick)}" y="${HEIGHT - 12}" text-anchor="middle">
        ${withoutZeros(showRate(tick))}
      </text>`,
    )}
    <line
      class="limit"
      x1="${LEFT}"
      x2="${WIDTH - RIGHT}"
      y1="${y.at(limitMs)}"
      y2="${y.at(limitMs)}"
    />
    ${lanes.map(
      ({ lane, steps }) => html`<path
          class="stroke s${lane.color % 6}"
          d="${pathThrough(steps.map((step) => [x.at(step.rate), y.at(tailMs(step))]))}"
          ><title>${lane.name}</title></path
        >
        ${steps.map(
          (step) => html`<circle
            class="dot ${step.is_sustained ? "" : "hollow"} s${lane.color % 6}"
            cx="${x.at(step.rate)}"
            cy="${y.at(tailMs(step))}"
            r="4"
            ><title>${lane.name} ${showRate(step.rate)}: ${step.reason ?? "sustained"}</title></circle
          >`,
        )}`,
    )}
  </svg>`;
  const knees = group.lanes.map((lane) => kneeText(lane));
  const legend =
    "p99 from when operations were due; the dashed line is the limit, hollow rates failed.";
  return { plot, note: [legend, ...knees].join(" ") };
}

/** By rate; of a rate that was tried twice, the try that counted. */
function stepsOf({ result }: ReportLane): readonly Step[] {
  const byRate = new Map<number, Step>();
  for (const step of result.stats.sweep) byRate.set(step.rate, step);
  return [...byRate.values()]
    .filter((step) => tailMs(step) > 0)
    .toSorted((left, right) => left.rate - right.rate);
}

function tailMs({ latency_ms: latency }: Step): number {
  return latency.p99 ?? latency.max ?? 0;
}

function kneeText({ name, result }: ReportLane): string {
  const { knee } = result.stats;
  if (knee === null) return `${name} sustained no rate.`;
  const next = knee.failed_rate === null ? "" : `, and failed at ${showRate(knee.failed_rate)}`;
  return `${name} sustained ${showRate(knee.rate)} op/s${next}.`;
}
