/** `kurobe alert`: what is in alarm, and who is to hear of it. */
import { KurobeError } from "../../core/errors.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand, type PositionalSpec } from "../command.ts";
import { showCount } from "../figures.ts";
import { type Output } from "../output.ts";

interface AlertState {
  readonly name: string;
  readonly on: string;
  readonly pending: number;
  readonly firing: number;
  readonly groups: readonly {
    readonly group: Readonly<Record<string, string | null>>;
    readonly state: string;
    readonly since: string;
    readonly value: number | null;
    readonly score: number | null;
  }[];
  readonly silences: readonly {
    readonly until: string;
    readonly group: Readonly<Record<string, string>>;
  }[];
}

const ALERT: PositionalSpec = { name: "alert", prose: "An alert of the project." };

export const alertLs = defineCommand({
  name: "alert ls",
  summary: "List alerts with what is pending and firing",
  description: ["The history of an alert is the relation of its name: ask it with `kurobe sql`."],
  options: { ...CLIENT_OPTIONS },
  examples: [
    { prose: "All of them", line: "kurobe alert ls" },
    {
      prose: "What happened last",
      line: 'kurobe sql "SELECT * FROM spike ORDER BY changed_at DESC LIMIT 20"',
    },
  ],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const answer = await client.json<{ readonly alerts: readonly AlertState[] }>(
      "GET",
      "/v1/alerts",
    );
    output.json(answer);
    if (answer.alerts.length === 0) output.line("The project has no alerts.");
    else showAlerts(answer.alerts, output);
  },
});

export const alertSilence = defineCommand({
  name: "alert silence",
  summary: "Notify nobody of an alert, or of some of its groups, for a time",
  description: [
    "What happens meanwhile is in the alert's relation, marked as silenced. Silences survive restarts.",
  ],
  positionals: [ALERT],
  options: {
    ...CLIENT_OPTIONS,
    for: { kind: "text", value: "duration", prose: "How long: 30m, 2h, 1d.", defaultProse: "1h" },
    group: {
      kind: "text",
      value: "column=value",
      isMultiple: true,
      prose: "Only groups with this value; may be given several times.",
      defaultProse: "all groups",
    },
    end: { kind: "switch", prose: "End the alert's silences instead." },
  },
  examples: [
    {
      prose: "While a shop is being rebuilt",
      line: "kurobe alert silence spike --for 2h --group shop=tokyo",
    },
    { prose: "Hear of it again", line: "kurobe alert silence spike --end" },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const path = `/v1/alerts/${encodeURIComponent(positionals[0] ?? "")}/silence`;
    const answer = options.end
      ? await client.json<AlertState>("DELETE", path)
      : await client.json<AlertState>("POST", path, {
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ for: options.for ?? "1h", group: groupOf(options.group) }),
        });
    output.json(answer);
    showAlerts([answer], output);
  },
});

export const alertTest = defineCommand({
  name: "alert test",
  summary: "Send a test notification through the alert's sinks",
  description: ["Its state is `test`. `kurobe sinks ls` shows whether the receivers took it."],
  positionals: [ALERT],
  options: { ...CLIENT_OPTIONS },
  examples: [{ prose: "Does it reach me?", line: "kurobe alert test spike" }],
  run: async ({ options, positionals, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const name = positionals[0] ?? "";
    const answer = await client.json<AlertState>(
      "POST",
      `/v1/alerts/${encodeURIComponent(name)}/test`,
    );
    output.json(answer);
    output.line(`A test notification of ${name} is on its way.`);
  },
});

function groupOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  const entries = pairs.map((pair) => {
    const at = pair.indexOf("=");
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)] as const;
    throw new KurobeError("KRB_CLI_USAGE", `--group ${pair}: not a column=value`);
  });
  return Object.fromEntries(entries);
}

function showAlerts(alerts: readonly AlertState[], output: Output): void {
  const { red, yellow, green, dim } = output.paint;
  output.table(
    [
      { name: "alert" },
      { name: "on" },
      { name: "pending", align: "right" },
      { name: "firing", align: "right" },
      { name: "silenced until" },
    ],
    alerts.map(({ name, on, pending, firing, silences }) => [
      name,
      on,
      pending === 0 ? "0" : yellow(showCount(pending)),
      firing === 0 ? green("0") : red(showCount(firing)),
      silences.map(({ until, group }) => `${until}${pairsText(group)}`).join(", ") || "–",
    ]),
  );
  for (const { name, groups, pending, firing } of alerts) {
    for (const { group, state, since, value, score } of groups.slice(0, 20)) {
      const mark = state === "firing" ? red("●") : yellow("●");
      const figures = `value ${value ?? "–"}, score ${score === null ? "–" : score.toPrecision(4)}`;
      output.line(`${mark} ${name}${pairsText(group)} ${state} since ${since}  ${dim(figures)}`);
    }
    const more = pending + firing - Math.min(groups.length, 20);
    if (more > 0) output.line(dim(`  … and ${showCount(more)} more of ${name}`));
  }
}

function pairsText(group: Readonly<Record<string, string | null>>): string {
  const pairs = Object.entries(group).map(([name, value]) => `${name}=${value ?? "null"}`);
  return pairs.length === 0 ? "" : ` ${pairs.join(" ")}`;
}
