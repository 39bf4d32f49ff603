/** How many cells a text takes on a screen: East Asian wide characters and emoji take two. */

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Unicode's East Asian Width W and F, by blocks: what terminals draw two cells wide. */
const WIDE =
  /^[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{33ff}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{a000}-\u{a4cf}\u{a960}-\u{a97f}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe10}-\u{fe19}\u{fe30}-\u{fe6f}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;
const EMOJI = /^\p{Emoji_Presentation}|\u{fe0f}/u;
const NO_WIDTH = /^[\p{Mark}\p{Format}\p{Default_Ignorable_Code_Point}]+$/u;
const ASCII = /^[\x20-\x7e]*$/;

export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(segment: string): number {
  if (NO_WIDTH.test(segment)) return 0;
  return WIDE.test(segment) || EMOJI.test(segment) ? 2 : 1;
}

/** At most `columns` cells; what is cut off is marked with `…`, and no character is cut in half. */
export function clipText(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let clipped = "";
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += graphemeWidth(segment);
    if (width > columns - 1) break;
    clipped += segment;
  }
  return `${clipped}…`;
}

export function padText(text: string, columns: number, align: "left" | "right"): string {
  const padding = " ".repeat(Math.max(0, columns - widthOf(text)));
  return align === "left" ? text + padding : padding + text;
}

/** C0, C1 and bidirectional controls: data must not move the cursor or reorder what is read. */
const CONTROLS = /[\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu;
const NAMED: Readonly<Record<string, string>> = { "\n": "↵", "\r": "␍", "\t": "→" };

/** Makes text from outside safe to print in one line. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (found) => {
    const code = found.codePointAt(0) ?? 0;
    return NAMED[found] ?? `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
