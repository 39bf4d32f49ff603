/** `kurobe dlq`: rows that were refused, and what can be done about them. */
import { KurobeError } from "../../core/errors.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand, type OptionSpecs, type PositionalSpec } from "../command.ts";
import { showCount, showMany, showTime } from "../figures.ts";

interface DeadLetter {
  readonly id: number;
  readonly receivedAt: string;
  readonly line: number;
  readonly column: number | string | null;
  readonly reason: string;
  readonly raw: string;
}

const DATASET: PositionalSpec = { name: "dataset", prose: "A dataset of the project." };

const CHOICE_OPTIONS = {
  id: {
    kind: "text",
    value: "n",
    isMultiple: true,
    prose: "Only the letter with this id; may be given several times.",
    defaultProse: "all of them",
  },
} as const satisfies OptionSpecs;

export const dlqLs = defineCommand({
  name: "dlq ls",
  summary: "List rows that were refused, with the reason",
  description: [
    "Dead letters are rows that did not fit their dataset. Each keeps its text as it was received, so that it can " +
      "be sent again once the project or the row is right. In SQL they are <dataset>.dead_letters.",
  ],
  positionals: [DATASET],
  options: {
    ...CLIENT_OPTIONS,
    limit: {
      kind: "text",
      value: "n",
      prose: "How many at most, oldest first, up to 1000.",
      defaultProse: "20",
    },
  },
  examples: [
    { prose: "Those that have waited longest", line: "kurobe dlq ls ticks" },
    {
      prose: "Which reasons are the most frequent?",
      line: 'kurobe sql "SELECT reason, count(*) AS n FROM ticks.dead_letters GROUP BY reason ORDER BY n DESC"',
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const answer = await client.json<{ readonly deadLetters: readonly DeadLetter[] }>(
      "GET",
      pathOf(positionals),
      { query: { limit: options.limit } },
    );
    output.json(answer);
    if (answer.deadLetters.length === 0) {
      output.line(`${positionals[0]} has no dead letters.`);
      return;
    }
    output.table(
      [
        { name: "id", align: "right" },
        { name: "received at" },
        { name: "line", align: "right" },
        { name: "reason" },
        { name: "raw" },
      ],
      answer.deadLetters.map(({ id, receivedAt, line, reason, raw }) => [
        String(id),
        showTime(receivedAt),
        showCount(line),
        reason,
        raw,
      ]),
    );
  },
});

export const dlqRetry = defineCommand({
  name: "dlq retry",
  summary: "Send refused rows again",
  description: [
    "For when the project was what was wrong. Rows that fit now are stored and leave the list; the others stay, " +
      "with their new reason.",
  ],
  positionals: [DATASET],
  options: { ...CLIENT_OPTIONS, ...CHOICE_OPTIONS },
  examples: [
    { prose: "All of them, after the project was corrected", line: "kurobe dlq retry ticks" },
    { prose: "Two of them", line: "kurobe dlq retry ticks --id 17 --id 18" },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const body = choiceOf(options.id);
    const client = await clientFor(options, terminal);
    const answer = await client.json<{
      readonly retried: number;
      readonly accepted: number;
      readonly rejected: number;
      readonly duplicates: number;
    }>("POST", `${pathOf(positionals)}/retry`, body);
    output.json(answer);
    const { retried, accepted, rejected, duplicates } = answer;
    output.line(
      `${showMany(retried, "row")} sent again: ${showCount(accepted)} accepted, ` +
        `${showCount(rejected)} still refused, ${showCount(duplicates)} duplicates`,
    );
  },
});

export const dlqPurge = defineCommand({
  name: "dlq purge",
  summary: "Throw refused rows away",
  description: ["They cannot be brought back. Asks first; --yes answers."],
  positionals: [DATASET],
  options: {
    ...CLIENT_OPTIONS,
    ...CHOICE_OPTIONS,
    yes: { kind: "switch", short: "y", prose: "Do not ask." },
  },
  examples: [{ prose: "All dead letters of a dataset", line: "kurobe dlq purge ticks --yes" }],
  run: async ({ options, positionals, output, terminal }) => {
    const body = choiceOf(options.id);
    const client = await clientFor(options, terminal);
    const what =
      options.id.length === 0 ? "all dead letters" : showMany(options.id.length, "letter");
    if (!options.yes) await output.confirm(`Throw ${what} of ${positionals[0]} away?`);
    const answer = await client.json<{ readonly purged: number }>(
      "DELETE",
      pathOf(positionals),
      body,
    );
    output.json(answer);
    output.line(`${showMany(answer.purged, "dead letter")} thrown away.`);
  },
});

function pathOf([dataset = ""]: readonly string[]): string {
  return `/v1/datasets/${encodeURIComponent(dataset)}/dead-letters`;
}

/** No ids mean all of them, and then no body is needed. */
function choiceOf(ids: readonly string[]): {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
} {
  if (ids.length === 0) return {};
  const wrong = ids.filter((id) => !/^\d{1,15}$/.test(id));
  if (wrong.length > 0) {
    throw new KurobeError("KRB_CLI_USAGE", `--id ${wrong.join(", ")}: ids are whole numbers`, {
      hint: "`kurobe dlq ls` shows them.",
    });
  }
  return {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids: ids.map(Number) }),
  };
}
