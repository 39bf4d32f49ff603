/** Figures as text: for the terminal, and as the rows of a Markdown table. */
import { type Figure, type Series } from "./case.ts";

export function figuresTable(figures: readonly Figure[]): string {
  const width = Math.max(0, ...figures.map(({ what }) => what.length));
  return figures
    .map((figure) => {
      const { what, unit, measured, beside, goals, note } = figure;
      const lines = [
        `  ${what.padEnd(width)}  ${number(measured.median)} ${unit}${spread(measured)}`,
      ];
      const indent = " ".repeat(width + 4);
      for (const peer of beside)
        lines.push(`${indent}${number(peer.median)}  ${peer.name}${spread(peer)}`);
      for (const { isMet, text } of goals) {
        lines.push(`${indent}${isMet ? "met" : "MISSED"}: ${text}`);
      }
      if (note !== undefined) lines.push(`${indent}${note}`);
      return `${lines.join("\n")}\n`;
    })
    .join("");
}

/** Grouped by thousands, as many digits as mean something. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** The lowest and the highest round. */
function spread({ rounds }: Series): string {
  if (rounds.length < 2) return "";
  return `  (${number(Math.min(...rounds))} … ${number(Math.max(...rounds))})`;
}
