/** Page views, an alert on their number, and one sink that tells of it. */
import { expect } from "vitest";
import {
  alert,
  type AlertSpec,
  column,
  count,
  dataset,
  defineProject,
  type SinkDefinition,
  sum,
  threshold,
  tumbling,
} from "../../src/index.ts";
import { type Served } from "./served-platform.ts";

export const views = dataset({
  columns: { at: column.timestamp(), page: column.text(), views: column.int64() },
  eventTime: "at",
  watermark: { idleTimeout: null, maxFutureSkew: "3650d" },
});

export const per_minute = tumbling({
  from: views,
  size: "1m",
  by: ["page"],
  measure: { n: sum("views"), rows: count() },
  allowedLateness: "1h",
});

/** The sink is named after the alert and its kind: `spike_slack`. */
export function alertProject(sink: SinkDefinition, spec: Partial<AlertSpec> = {}): unknown {
  return defineProject({
    name: "pages",
    datasets: { views },
    windows: { per_minute },
    alerts: {
      spike: alert({
        on: per_minute,
        when: threshold({ of: "n", above: 100 }),
        staleAfter: "3650d",
        to: sink,
        ...spec,
      }),
    },
  });
}

export const START_MS = Date.UTC(2026, 0, 1, 12);

/** Minutes count from `START_MS`. */
export function viewLine(minute: number, page: string, value: number): string {
  const at = new Date(START_MS + minute * 60_000).toISOString();
  return JSON.stringify({ at, page, views: value });
}

/** One value a minute from 12:00 on for each page; another page's row closes the last minute. */
export async function sendViews(
  served: Served,
  values: readonly number[],
  ...pages: readonly string[]
): Promise<void> {
  const own = pages.length === 0 ? ["home"] : pages;
  const lines = values.flatMap((value, minute) => own.map((page) => viewLine(minute, page, value)));
  lines.push(viewLine(values.length, "clock", 0));
  const response = await served.post("/v1/datasets/views/rows", lines.join("\n"));
  expect(response.status).toBe(200);
}

/** As `kurobe alert test` does. */
export async function testAlert(served: Served): Promise<void> {
  expect((await served.fetch("/v1/alerts/spike/test", { method: "POST" })).status).toBe(200);
}
