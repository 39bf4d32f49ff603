/** The lines behind a drawing, with their figures beside them. */
import { html, type Markup } from "./markup.ts";

export interface GridLine {
  /** Where it lies: y of a row, x of a column. */
  readonly at: number;
  readonly text: string;
  /** The line that the others are seen against. */
  readonly isZero?: boolean;
}

/** Lines from left to right; figures stand in front of them. */
export function gridRows(lines: readonly GridLine[], left: number, right: number): Markup {
  return html`${lines.map(
    ({ at, text, isZero }) => html`<line
        class="${classOf(isZero)}"
        x1="${left}"
        x2="${right}"
        y1="${at}"
        y2="${at}"
      />
      <text class="tick" x="${left - 8}" y="${at + 4}" text-anchor="end">${text}</text>`,
  )}`;
}

/** Lines from top to bottom; figures stand below them. */
export function gridColumns(lines: readonly GridLine[], top: number, bottom: number): Markup {
  return html`${lines.map(
    ({ at, text, isZero }) => html`<line
        class="${classOf(isZero)}"
        x1="${at}"
        x2="${at}"
        y1="${top}"
        y2="${bottom}"
      />
      <text class="tick" x="${at}" y="${bottom + 17}" text-anchor="middle">${text}</text>`,
  )}`;
}

function classOf(isZero = false): string {
  return isZero ? "zero" : "grid";
}
