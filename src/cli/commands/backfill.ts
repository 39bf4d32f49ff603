/** `kurobe backfill`: a window's results over stored history. */
import { KurobeError } from "../../core/errors.ts";
import { type Client } from "../client.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showCount, showMany, showTime } from "../figures.ts";
import { type Output } from "../output.ts";
import { readSteps } from "../read-steps.ts";
import { type Backfill, backfillText } from "../show-backfills.ts";
import { timeOf } from "../time-option.ts";

export const backfill = defineCommand({
  name: "backfill",
  summary: "Compute a window's results over stored history again",
  description: [
    "Windows that are over are computed from all stored rows, late ones included: newest first, a bounded number of " +
      "rows at a time, while live rows go on. Results that differ are published as a new revision and delivered by " +
      "sinks. A second time it changes nothing.",
    "The server does the work. It goes on when this command is interrupted, and after a restart or a crash from " +
      "where it was; the same command then shows how far it is. Without a window: the last backfill of each.",
  ],
  positionals: [
    { name: "window", prose: "A window over a dataset or a stream.", isOptional: true },
  ],
  options: {
    from: {
      kind: "text",
      value: "time",
      prose: "Only windows that start then or later.",
      defaultProse: "the first row",
    },
    to: {
      kind: "text",
      value: "time",
      prose: "Only windows that start before then.",
      defaultProse: "the last window that is over",
    },
    cancel: { kind: "switch", prose: "End the window's backfill; what is computed stays." },
    ...CLIENT_OPTIONS,
  },
  examples: [
    {
      prose: "One year, after old rows were loaded",
      line: "kurobe backfill bars --from 2025-01-01T00:00Z --to 2026-01-01T00:00Z",
    },
    { prose: "How far are they?", line: "kurobe backfill" },
    { prose: "Stop it", line: "kurobe backfill bars --cancel" },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const [window] = positionals;
    const range = { from: timeOf("--from", options.from), to: timeOf("--to", options.to) };
    const hasRange = range.from !== undefined || range.to !== undefined;
    if (hasRange && (window === undefined || options.cancel)) {
      throw new KurobeError("KRB_CLI_USAGE", "--from and --to are for a backfill that begins", {
        hint: "Name its window, and leave --cancel out.",
      });
    }
    if (options.cancel && window === undefined) {
      throw new KurobeError("KRB_CLI_USAGE", "--cancel needs the name of a window");
    }
    const client = await clientFor(options, terminal);
    if (window === undefined) return await list(client, output);
    const path = `/v1/windows/${encodeURIComponent(window)}/backfill`;
    if (options.cancel) {
      const cancelled = await client.json<Backfill>("DELETE", path);
      output.json(cancelled);
      showCancelled(cancelled, output);
      return;
    }
    const response = await client.send("POST", path, {
      headers: { accept: "application/x-ndjson", "content-type": "application/json" },
      body: JSON.stringify(range),
    });
    await follow(response, output);
  },
});

async function follow(response: Response, output: Output): Promise<void> {
  let last: Backfill | undefined;
  {
    using progress = output.progress("Computing");
    for await (const step of readSteps<Backfill>(response)) {
      last = step;
      const { done, total, corrected, added, next } = step;
      const text = `back to ${showTime(next)}, ${showMany(corrected + added, "result")} changed`;
      progress.update({ done: done ?? 0, total: total ?? 0, text });
    }
  }
  if (last === undefined) throw new KurobeError("KRB_CLI_ANSWER", "The server said nothing of it");
  output.json(last);
  if (last.state === "done") {
    output.line(`${output.paint.green("✓")} ${last.window}, ${rangeOf(last)}`);
    output.line(`  ${changes(last)}`);
  } else if (last.state === "cancelled") {
    showCancelled(last, output);
  } else {
    output.line(`The server stops; at its next start it goes on from ${showTime(last.next)}.`);
  }
}

function showCancelled(cancelled: Backfill, output: Output): void {
  output.line(`Cancelled; windows are done back to ${showTime(cancelled.next)}`);
  output.line(`  ${changes(cancelled)}`);
}

function rangeOf({ from, to }: Backfill): string {
  return `${showTime(from)} to ${showTime(to)}`;
}

async function list(client: Client, output: Output): Promise<void> {
  const answer = await client.json<{ readonly backfills: readonly Backfill[] }>(
    "GET",
    "/v1/backfills",
  );
  output.json(answer);
  if (answer.backfills.length === 0) {
    output.line("No backfill was asked for.");
    return;
  }
  for (const one of answer.backfills) {
    output.line(`${output.paint.bold(one.window)} ${backfillText(one)}`);
    output.line(`  windows from ${rangeOf(one)}`);
    if (one.state !== "done") output.line(`  done back to ${showTime(one.next)}`);
    output.line(`  ${changes(one)}`);
  }
}

function changes({ added, corrected, takenBack, replayed }: Backfill): string {
  if (corrected + added + takenBack + replayed === 0) return "nothing differed";
  return (
    `${showMany(corrected, "result")} corrected, ${showCount(added)} added, ` +
    `${showCount(takenBack)} taken back, ${showMany(replayed, "late row")} counted`
  );
}
