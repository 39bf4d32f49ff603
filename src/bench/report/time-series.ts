/** Throughput and p99 over the run: stalls, warm-up and drift that one figure hides. */
import { showMs, showRate, withoutZeros } from "./figures.ts";
import { gridRows } from "./grid.ts";
import { html, type Markup } from "./markup.ts";
import { pathThrough } from "./percentile-curves.ts";
import { type ReportGroup, type ReportLane } from "./report-model.ts";
import { linearScale, logScale, type Scale } from "./scale.ts";

const WIDTH = 760;
const PANEL = 120;
const LEFT = 64;
const RIGHT = 24;
const TOP = 12;
const BOTTOM = 30;

type Points = readonly (readonly [number, number])[];

interface Line {
  readonly lane: ReportLane;
  readonly points: Points;
  readonly isDashed?: boolean;
}

/** Null where nothing was measured more than once. */
export function timeSeries(group: ReportGroup): Markup | null {
  const isPaired = group.lanes.every(({ result }) => result.stats.slices.length > 1);
  const rates = group.lanes.map((lane) => ({ lane, points: ratesOf(lane, isPaired) }));
  const tails = group.lanes.map((lane) => ({ lane, points: tailsOf(lane, isPaired) }));
  const last = Math.max(0, ...rates.flatMap(({ points }) => points.map(([at]) => at)));
  if (rates.every(({ points }) => points.length < 2)) return null;
  const x = linearScale(last, [LEFT, WIDTH - RIGHT], 8);
  const most = Math.max(...rates.flatMap(({ points }) => points.map(([, rate]) => rate)));
  const tailValues = tails.flatMap(({ points }) => points.map(([, ms]) => ms));
  const upper = panel({
    lines: rates,
    x,
    y: linearScale(most, [TOP + PANEL, TOP], 3),
    show: showRate,
    name: `Operations a second, ${group.title}`,
    axis: isPaired ? "pair" : "s",
  });
  const cost = isPaired ? null : costPanels(group, x);
  if (tailValues.length < 2) return html`${upper} ${cost}`;
  const lower = panel({
    lines: tails,
    x,
    y: logScale(Math.min(...tailValues), Math.max(...tailValues), [TOP + PANEL, TOP]),
    show: showMs,
    name: `p99 latency, ${group.title}`,
    axis: isPaired ? "pair" : "s",
  });
  return html`<p class="panel">Operations a second</p>
    ${upper}
    <p class="panel">p99 latency</p>
    ${lower} ${cost}`;
}

/** A client that is the limit shows here: all of its core busy, its event loop late. */
function costPanels(group: ReportGroup, x: Scale): Markup | null {
  const cores = group.lanes.flatMap((lane) => [
    { lane, points: momentsOf(lane, ({ server_cpu }) => server_cpu) },
    { lane, points: momentsOf(lane, ({ client_cpu }) => client_cpu), isDashed: true },
  ]);
  const delays = group.lanes.map((lane) => ({
    lane,
    points: momentsOf(lane, ({ client_loop_delay_ms }) => client_loop_delay_ms),
  }));
  const draw = (lines: readonly Line[], show: (value: number) => string, name: string) => {
    const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
    if (values.length < 2) return null;
    const y = linearScale(Math.max(...values), [TOP + PANEL, TOP], 3);
    return html`<p class="panel">${name}</p>
      ${panel({ lines, x, y, show, name: `${name}, ${group.title}`, axis: "s" })}`;
  };
  return html`${draw(cores, (value) => String(value), "Processor cores: server, and dashed the client")}
  ${draw(delays, showMs, "Longest delay of the client's event loop")}`;
}

type Moment = ReportLane["result"]["stats"]["timeseries"][number];

function momentsOf({ result }: ReportLane, read: (moment: Moment) => number | null): Points {
  return result.stats.timeseries.flatMap((moment) => {
    const value = read(moment);
    return value === null ? [] : [[moment.t_s, value] as const];
  });
}

function ratesOf({ result }: ReportLane, isPaired: boolean): Points {
  const { slices, timeseries } = result.stats;
  return isPaired
    ? slices.map(({ pair, requests, seconds }) => [pair, requests / seconds])
    : timeseries.map(({ t_s, ops }) => [t_s, ops]);
}

function tailsOf({ result }: ReportLane, isPaired: boolean): Points {
  const { slices, timeseries } = result.stats;
  const points = isPaired
    ? slices.map(({ pair, p99_ms }) => [pair, p99_ms] as const)
    : timeseries.map(({ t_s, p99_ms }) => [t_s, p99_ms] as const);
  return points.flatMap(([at, ms]) => (ms === null || ms <= 0 ? [] : [[at, ms] as const]));
}

interface Panel {
  readonly lines: readonly Line[];
  readonly x: Scale;
  readonly y: Scale;
  readonly show: (value: number) => string;
  readonly name: string;
  readonly axis: string;
}

function panel({ lines, x, y, show, name, axis }: Panel): Markup {
  const floor = TOP + PANEL;
  return html`<svg viewBox="0 0 ${WIDTH} ${floor + BOTTOM}" role="img" aria-label="${name}">
    ${gridRows(
      y.ticks.map((tick) => ({ at: y.at(tick), text: withoutZeros(show(tick)) })),
      LEFT,
      WIDTH - RIGHT,
    )}
    ${x.ticks.map(
      (tick) => html`<text class="tick" x="${x.at(tick)}" y="${floor + 18}" text-anchor="middle">
        ${tick === 0 ? axis : String(tick)}
      </text>`,
    )}
    ${lines.map(
      ({ lane, points, isDashed }) => html`<path
        class="stroke thin ${isDashed === true ? "dashed" : ""} s${lane.color % 6}"
        d="${pathThrough(points.map(([at, value]) => [x.at(at), y.at(value)]))}"
        ><title>${lane.name}</title></path
      >`,
    )}
  </svg>`;
}
