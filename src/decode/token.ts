/** One value of a body, and what the exact lane makes of it. */

/**
 * A value as it stood in the body. `raw` of a `text` is unescaped; of the others it is the source
 * text.
 */
export interface Token {
  readonly kind: "null" | "boolean" | "number" | "text" | "nested";
  readonly raw: string;
}

/** `text`: the canonical form, for a JSON string or number or a CSV field alike. */
export type Exact =
  | { readonly kind: "null" }
  | { readonly kind: "value"; readonly text: string }
  | { readonly kind: "problem"; readonly reason: string };

/** For messages: what was found, shortened. */
export function describe(token: Token): string {
  switch (token.kind) {
    case "text":
      return `text ${clip(JSON.stringify(token.raw))}`;
    case "nested":
      return token.raw.startsWith("[") ? "an array" : "an object";
    case "number":
      return `number ${clip(token.raw)}`;
    default:
      return token.raw;
  }
}

export function clip(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}…`;
}
