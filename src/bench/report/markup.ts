/** HTML and SVG as text: every value is escaped unless it is markup already. */

/** Markup is a class of its own, so that plain text cannot pass for it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

type Child = Markup | string | number | null | readonly Child[];

/** `` html`<b>${name}</b>` ``: text is escaped, lists are joined, null is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Child[]): Markup {
  const parts = strings.map((text, index) => `${text}${render(values[index] ?? null)}`);
  return new Markup(parts.join(""));
}

function render(value: Child): string {
  if (value === null) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(2);
  if (typeof value === "string") return escapeText(value);
  return value.map(render).join("");
}

export function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
