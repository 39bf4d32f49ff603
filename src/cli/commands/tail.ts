/** `kurobe tail`: rows and window results as they come. */
import { INSTANT_EXAMPLES, parseInstant } from "../../core/instant.ts";
import { formatDuration } from "../../core/duration.ts";
import { KurobeError } from "../../core/errors.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showTime } from "../figures.ts";
import { followLive } from "../follow-live.ts";
import { GrowingTable } from "../growing-table.ts";
import { type Output, toJson, writeSlowly } from "../output.ts";
import { type ServerEvent } from "../read-events.ts";
import { type TableColumn } from "../table.ts";
import { type Terminal } from "../terminal.ts";

/** What `GET /v1/datasets/{name}` tells of it. */
interface Described {
  readonly name: string;
  readonly kind: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

type Row = Readonly<Record<string, unknown>>;

/** Shows events; `end` is called once, also after Ctrl-C. */
interface Display {
  show(events: readonly ServerEvent[]): Promise<void>;
  end(): void;
}

const DEFAULT_LAST = 10;
/** As in a diff, what is new, changed and gone. */
const MARKS: Readonly<Record<string, string>> = { correction: "~", retraction: "-" };
const NUMBER = /^(?:int|float|decimal)/;

export const tail = defineCommand({
  name: "tail",
  summary: "Follow rows or window results as they come",
  description: [
    "Shows the newest rows and then each one that is written, until Ctrl-C. Takes the name of a dataset, a window, " +
      "an alert, <dataset>.dead_letters or <dataset>.late_rows. Of a window it shows results (+), corrections (~, a " +
      "newer revision) and retractions (-, a result that has no rows any more).",
    "Where the connection breaks it is made again, and nothing is missed. With --json each line is " +
      '{"event", "id", "row"}; a line with the event "reset" says that the server is not the one that it was: read ' +
      "what you keep anew.",
  ],
  positionals: [{ name: "name", prose: "A dataset or a window." }],
  options: {
    last: {
      kind: "text",
      value: "n",
      short: "n",
      prose: "Begin with the newest n rows, up to 10,000.",
      defaultProse: String(DEFAULT_LAST),
    },
    from: {
      kind: "text",
      value: "time",
      prose: "Begin with the first row written whose event time is at or after this.",
    },
    rows: { kind: "text", value: "n", prose: "Stop after n rows." },
    ...CLIENT_OPTIONS,
  },
  examples: [
    { prose: "Results of a window", line: "kurobe tail bars" },
    { prose: "Only what comes from now on", line: "kurobe tail ticks --last 0" },
    { prose: "From this morning on", line: "kurobe tail ticks --from 2026-01-05T09:00:00Z" },
    {
      prose: "For a program",
      line: "kurobe tail bars --json | jq 'select(.event == \"correction\") | .row'",
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const query = startOf(options);
    const most = readMost(options.rows);
    const client = await clientFor(options, terminal);
    const path = `/v1/datasets/${encodeURIComponent(positionals[0] ?? "")}`;
    const about = await client.json<Described>("GET", path);
    const display = output.isJson ? jsonLines(terminal) : growingTable(about, output, terminal);
    const stopping = new AbortController();
    const signal = AbortSignal.any([terminal.signal, stopping.signal]);
    const onBreak = (reason: string | null): void =>
      output.note(output.notePaint.dim(reason === null ? "connected again" : `${reason}: waiting`));
    let left = most;
    for await (const events of followLive({
      client,
      path: `${path}/live`,
      query,
      signal,
      onBreak,
    })) {
      const taken = events.slice(0, left);
      await display.show(taken);
      left -= taken.length;
      if (left === 0) stopping.abort();
    }
    display.end();
  },
});

function startOf({
  last,
  from,
}: {
  readonly last: string | undefined;
  readonly from: string | undefined;
}): Readonly<Record<string, string | undefined>> {
  if (last !== undefined && from !== undefined) {
    throw new KurobeError("KRB_CLI_USAGE", "--last and --from are both there", {
      hint: "Give one of them.",
    });
  }
  if (from !== undefined) {
    if (parseInstant(from) !== undefined) return { from };
    throw new KurobeError("KRB_CLI_USAGE", `--from ${from} is no time`, {
      hint: `Write it like ${INSTANT_EXAMPLES}.`,
    });
  }
  const rows = last ?? String(DEFAULT_LAST);
  if (/^\d{1,5}$/.test(rows) && Number(rows) <= 10_000) return { last: rows };
  throw new KurobeError("KRB_CLI_USAGE", `--last ${rows} is no whole number up to 10,000`);
}

function readMost(rows: string | undefined): number {
  if (rows === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,11}$/.test(rows)) return Number(rows);
  throw new KurobeError("KRB_CLI_USAGE", `--rows ${rows} is no whole number above zero`);
}

function jsonLines({ stdout }: Terminal): Display {
  return {
    async show(events) {
      const lines = events.map(({ kind, id, data }) => {
        const value = JSON.parse(data) as Row;
        return toJson({ event: kind, id, ...(kind === "reset" ? value : { row: value }) });
      });
      await writeSlowly(stdout, lines.map((line) => `${line}\n`).join(""));
    },
    end: () => undefined,
  };
}

function growingTable(
  { name, kind, columns }: Described,
  output: Output,
  { stdout }: Terminal,
): Display {
  const { paint, notePaint, columns: width, isWide } = output;
  const isWindow = kind === "window";
  const shown = isWindow
    ? columns.filter((column) => !/^window_(start|end)$/.test(column.name))
    : columns;
  const hasMarks = isWindow || kind === "dead_letters";
  const heads: TableColumn[] = [
    ...(hasMarks ? [{ name: "" }] : []),
    ...(isWindow ? [{ name: "window, UTC", isWhole: true }] : []),
    ...shown.map((column) => ({
      name: isWindow && column.name === "revision" ? "rev" : column.name,
      ...(NUMBER.test(column.type) ? ({ align: "right", isWhole: true } as const) : {}),
      ...(column.type === "timestamp" ? { isWhole: true } : {}),
    })),
  ];
  const room = isWide ? Number.POSITIVE_INFINITY : width;
  const table = new GrowingTable(heads, { columns: room, dim: paint.dim, bold: paint.bold });
  const cellsOf = (event: string, row: Row): readonly string[] => [
    ...(hasMarks ? [MARKS[event] ?? "+"] : []),
    ...(isWindow ? [windowText(row)] : []),
    ...shown.map((column) => cellText(row[column.name], column.type)),
  ];
  return {
    async show(events) {
      const resets = events.filter((event) => event.kind === "reset");
      if (resets.length > 0) {
        output.note(notePaint.yellow(`${name} is not what it was: from here on it is another one`));
      }
      const rows = events.filter((event) => event.kind !== "reset");
      const cells = rows.map((event) => cellsOf(event.kind, JSON.parse(event.data) as Row));
      const lines = table.add(cells);
      if (lines.length > 0) await writeSlowly(stdout, `${lines.join("\n")}\n`);
    },
    end() {
      // The terminal has written ^C where the next line begins.
      if (!isWide) stdout.write("\r");
      for (const line of table.end()) output.line(line);
    },
  };
}

/** Its start, and how long it is: the end of a window says little more, and takes much room. */
function windowText(row: Row): string {
  const [start, end] = [String(row["window_start"]), String(row["window_end"])];
  const [fromUs, toUs] = [parseInstant(start), parseInstant(end)];
  const length = fromUs === undefined || toUs === undefined ? "" : Number(toUs - fromUs);
  return length === "" ? start : `${shortTime(start)} ${formatDuration(length)}`;
}

/** `2026-01-05 16:00`, with seconds where they are not zero. */
function shortTime(text: string): string {
  return showTime(text).replace(/Z$/, "").replace("T", " ").replace(/:00$/, "");
}

function cellText(value: unknown, type: string): string {
  if (value === undefined) return "";
  if (value === null) return "NULL";
  if (typeof value !== "string") return toJson(value);
  return type === "timestamp" ? showTime(value) : value;
}
