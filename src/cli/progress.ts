/**
 * Shows how far long work is: a bar that redraws itself on a terminal, a line now and then
 * elsewhere.
 */
import { type Clock } from "../core/clock.ts";
import { showElapsed } from "./figures.ts";
import { type Paint } from "./paint.ts";
import { type TextSink } from "./terminal.ts";
import { clipText } from "./text-width.ts";

export interface ProgressState {
  readonly done: number;
  /** Undefined where the end is not known: standard input. */
  readonly total?: number | undefined;
  /** What is behind the bar: `1,200,000 rows, 310,000 rows/s`. */
  readonly text: string;
}

export interface Progress extends Disposable {
  update(state: ProgressState): void;
}

const REDRAW_MS = 100;
const LINE_MS = 5000;
const BAR_CELLS = 24;

export interface ProgressOptions {
  readonly label: string;
  readonly sink: TextSink;
  readonly paint: Paint;
  readonly clock: Clock;
}

/** Disposing it removes the bar, so that what is printed next stands at the start of a line. */
export function openProgress({ label, sink, paint, clock }: ProgressOptions): Progress {
  const isTerminal = sink.isTTY === true;
  const startedMs = clock.monotonicMs();
  let nextMs = isTerminal ? startedMs : startedMs + LINE_MS;
  let isDrawn = false;
  const bar = (state: ProgressState): string => {
    const share = shareOf(state);
    if (share === undefined) return `${label}  ${state.text}`;
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    return `${label} ${drawBar(share, paint)} ${percent}  ${state.text}${rest(share, startedMs, clock)}`;
  };
  return {
    update(state) {
      const nowMs = clock.monotonicMs();
      if (nowMs < nextMs) return;
      nextMs = nowMs + (isTerminal ? REDRAW_MS : LINE_MS);
      if (isTerminal) {
        const room = (sink.columns ?? 80) - 1;
        // Painted parts take no cells: the clip looks at what is behind the bar only by a margin.
        sink.write(`\r\u001b[2K${clipText(bar(state), room + 9)}`);
        isDrawn = true;
      } else {
        sink.write(`${label}: ${percentText(state)}${state.text}\n`);
      }
    },
    [Symbol.dispose]() {
      if (isDrawn) sink.write("\r\u001b[2K");
    },
  };
}

function shareOf({ done, total }: ProgressState): number | undefined {
  if (total === undefined || total <= 0) return undefined;
  return Math.min(1, Math.max(0, done / total));
}

function percentText(state: ProgressState): string {
  const share = shareOf(state);
  return share === undefined ? "" : `${Math.floor(share * 100)}%, `;
}

function drawBar(share: number, paint: Paint): string {
  const eighths = Math.round(share * BAR_CELLS * 8);
  const full = "█".repeat(Math.floor(eighths / 8));
  const part = eighths % 8 === 0 ? "" : (" ▏▎▍▌▋▊▉"[eighths % 8] ?? "");
  return paint.cyan((full + part).padEnd(BAR_CELLS, "·"));
}

/** Not before there is something to judge from. */
function rest(share: number, startedMs: number, clock: Clock): string {
  const elapsedMs = clock.monotonicMs() - startedMs;
  if (share < 0.02 || share >= 1 || elapsedMs < 1000) return "";
  return `, ${showElapsed((elapsedMs / share) * (1 - share))} left`;
}
