import { describe, expect, it } from "vitest";
import {
  alert,
  column,
  count,
  dataset,
  defineProject,
  secret,
  slack,
  threshold,
  tumbling,
  webhook,
  type AlertSpec,
  type SinkDefinition,
} from "../index.ts";
import { resolveProject } from "./resolve.ts";

const views = dataset({
  columns: { at: column.timestamp(), page: column.text() },
  eventTime: "at",
});
const per_minute = tumbling({ from: views, size: "1m", by: ["page"], measure: { n: count() } });

function project(
  alerts: Readonly<Record<string, AlertSpec["to"]>>,
  sinks: Readonly<Record<string, SinkDefinition>> = {},
): unknown {
  const when = threshold({ of: "n", above: 100 });
  const declared = Object.entries(alerts).map(
    ([name, to]) => [name, alert({ on: per_minute, when, ...(to && { to }) })] as const,
  );
  return defineProject({
    name: "site",
    datasets: { views },
    windows: { per_minute },
    alerts: Object.fromEntries(declared),
    sinks,
  });
}

const chat = slack({ url: secret("OPS_SLACK") });
const hook = webhook({ url: "https://example.com/hook" });

describe("the sinks that an alert names", () => {
  it("are sinks of the project, named after it and their kind, also when several share them", () => {
    const { sinks } = resolveProject(project({ spike: [chat, chat, hook], errors: chat }));
    expect(sinks.map(({ name, from, kind }) => [name, from, kind])).toEqual([
      ["errors_slack", "errors", "slack"],
      ["spike_slack", "spike", "slack"],
      ["spike_slack_2", "spike", "slack"],
      ["spike_webhook", "spike", "webhook"],
    ]);
  });

  it("leave the names of declared sinks to them", () => {
    const own = webhook({ from: "spike", url: "https://example.com/own" });
    const { sinks } = resolveProject(project({ spike: chat }, { spike_slack: own }));
    expect(sinks.map(({ name, kind }) => [name, kind])).toEqual([
      ["spike_slack", "webhook"],
      ["spike_slack_2", "slack"],
    ]);
  });

  it.each([
    ["with a source of their own", webhook({ from: "views", url: "https://x.org" }), "to.from"],
    ["that are no sinks", [chat, "ops" as unknown as SinkDefinition], "to[1]"],
    ["with a mistake", [slack({ url: "ftp://x" })], "to[0].url"],
  ])("%s are a mistake at their place", (_, to, path) => {
    const resolve = (): unknown => resolveProject(project({ spike: to }));
    expect(resolve).toThrow(`alerts.spike.${path}: `);
  });
});
