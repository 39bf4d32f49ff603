/** Sinks as a table, for `status` and `sinks`. */
import { showCount, showElapsed } from "./figures.ts";
import { type Output } from "./output.ts";

/** The part of `GET /v1/sinks` that is shown. */
export interface SinkState {
  readonly name: string;
  readonly kind: string;
  readonly from: string;
  readonly state: string;
  readonly lagRows: number;
  readonly lagMs: number;
  readonly delivered: number;
  readonly skipped: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
}

export function showSinks(sinks: readonly SinkState[], output: Output): void {
  const { green, red, yellow, dim } = output.paint;
  const paint: Readonly<Record<string, (text: string) => string>> = {
    retrying: red,
    blocked: red,
    paused: yellow,
  };
  output.table(
    [
      { name: "sink" },
      { name: "kind" },
      { name: "from" },
      { name: "state" },
      { name: "waiting", align: "right" },
      { name: "behind", align: "right" },
      { name: "delivered", align: "right" },
      { name: "skipped", align: "right" },
    ],
    sinks.map((each) => [
      each.name,
      each.kind,
      each.from,
      (paint[each.state] ?? green)(each.state),
      showCount(each.lagRows),
      each.lagMs === 0 ? "–" : showElapsed(each.lagMs),
      showCount(each.delivered),
      showCount(each.skipped),
    ]),
  );
  for (const { name, state, lastError } of sinks) {
    if (lastError === null || !["retrying", "blocked"].includes(state)) continue;
    output.line(`${red("✗")} ${name}: ${lastError.message} ${dim(lastError.code)}`);
  }
}
