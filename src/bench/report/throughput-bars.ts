/** How many operations a second each target answered, with the interval of the median. */
import { showRate, withoutZeros } from "./figures.ts";
import { gridColumns } from "./grid.ts";
import { html, type Markup } from "./markup.ts";
import { type ReportGroup, type ReportLane } from "./report-model.ts";
import { linearScale, type Scale } from "./scale.ts";

const WIDTH = 760;
const LEFT = 120;
const RIGHT = 90;
const BAR = 18;
const GAP = 8;
const TOP = 6;
const AXIS = 26;

export function throughputBars({ lanes, title }: ReportGroup): Markup {
  const most = Math.max(...lanes.map(({ rate }) => rate.high ?? rate.value));
  const scale = linearScale(most, [LEFT, WIDTH - RIGHT]);
  const bottom = TOP + lanes.length * (BAR + GAP);
  return html`<svg
    viewBox="0 0 ${WIDTH} ${bottom + AXIS}"
    role="img"
    aria-label="Throughput, ${title}"
  >
    ${gridColumns(
      scale.ticks.map((tick) => ({ at: scale.at(tick), text: withoutZeros(showRate(tick)) })),
      TOP,
      bottom,
    )}
    ${lanes.map((lane, index) => bar(lane, TOP + index * (BAR + GAP), scale))}
  </svg>`;
}

function bar({ name, color, rate }: ReportLane, y: number, scale: Scale): Markup {
  const middle = y + BAR / 2;
  const text = `${showRate(rate.value)} op/s`;
  const end = scale.at(rate.high ?? rate.value);
  return html`<g>
    <title>${name}: ${text}${rangeText(rate)}</title>
    <text class="label" x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${clip(name)}</text>
    <rect
      class="fill s${color % 6}"
      x="${LEFT}"
      y="${y}"
      width="${Math.max(1, scale.at(rate.value) - LEFT)}"
      height="${BAR}"
      rx="3"
    />
    ${interval(rate, middle, scale)}
    <text class="value" x="${end + 10}" y="${middle + 4}">${text}</text>
  </g>`;
}

function interval({ low, high }: ReportLane["rate"], middle: number, scale: Scale): Markup | null {
  if (low === null || high === null) return null;
  const [from, to] = [scale.at(low), scale.at(high)];
  return html`<path
    class="whisker"
    d="M${from} ${middle - 5}v10M${from} ${middle}H${to}M${to} ${middle - 5}v10"
  />`;
}

function rangeText({ low, high }: ReportLane["rate"]): string {
  if (low === null || high === null) return "";
  return `, 95 % interval of the median ${showRate(low)} to ${showRate(high)}`;
}

/** What does not fit left of the bars; the whole name is in the tables. */
export function clip(text: string, most = 17): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
