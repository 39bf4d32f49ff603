/** Colours, where they are wanted: on a terminal, unless NO_COLOR says otherwise. */
import { type TextSink } from "./terminal.ts";

export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const satisfies Record<keyof Paint, readonly [number, number]>;

/** NO_COLOR and FORCE_COLOR as most tools read them: any text counts, NO_COLOR wins. */
export function paintFor(
  sink: TextSink,
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const isForced = !["", "0", undefined].includes(environment["FORCE_COLOR"]);
  const isRefused = !["", undefined].includes(environment["NO_COLOR"]);
  const isPlain = environment["TERM"] === "dumb" || sink.isTTY !== true;
  const isColoured = !isRefused && (isForced || !isPlain);
  const painter = (name: keyof Paint) => {
    const [on, off] = CODES[name];
    return (text: string) => (isColoured ? `\u001b[${on}m${text}\u001b[${off}m` : text);
  };
  return {
    bold: painter("bold"),
    dim: painter("dim"),
    red: painter("red"),
    green: painter("green"),
    yellow: painter("yellow"),
    cyan: painter("cyan"),
  };
}
