/**
 * What the demo found, for people: one screen of figures, the proof, a few answers, what to try
 * next.
 */
import { showBytes, showCount, showElapsed } from "../figures.ts";
import { type Output } from "../output.ts";
import { type Proof, type Totals } from "./proof.ts";
import { type Asked } from "./questions.ts";
import { type DemoReport } from "./run-demo.ts";

const LABEL_CELLS = 12;
const FIGURE_CELLS = 10;

export function describeDemo(output: Output, report: DemoReport): void {
  output.line();
  describeFigures(output, report);
  output.line();
  describeProof(output, report.proof);
  output.line();
  describeQuestions(output, report.questions);
}

function describeFigures(output: Output, report: DemoReport): void {
  const { bold, dim } = output.paint;
  const { feed, sent, crash, checkpoint, disk, windows } = report;
  const fact = (label: string, figure: string, about: string): void => {
    output.line(
      `${dim(label.padEnd(LABEL_CELLS))}${bold(figure.padStart(FIGURE_CELLS))}  ${about}`,
    );
  };
  fact(
    "ingest",
    showCount(report.rowsPerSecond),
    "rows/s, synced to disk and applied before each answer",
  );
  fact("windows", showCount(windows.results), "results of hours and days, by event time");
  fact(
    "",
    showCount(windows.corrected),
    `of them corrected by ${showCount(windows.corrections)} late flights`,
  );
  fact("late", showCount(sent.late), "flights even too late for that, listed in flights.late_rows");
  fact("dead letters", showCount(sent.rejected), "rows that make no sense, kept with the reason");
  fact(
    "kill -9",
    showElapsed(crash.backAfterMs),
    `until it was back, ${showCount(crash.replayedRows)} rows replayed`,
  );
  fact(
    "",
    showCount(sent.sentAgain),
    `bodies sent again, ${showCount(sent.recognised)} recognised as stored`,
  );
  fact(
    "checkpoint",
    showElapsed(checkpoint.elapsedMs),
    `ingest paused for ${showElapsed(checkpoint.pauseMs)}`,
  );
  const bytesPerRow = (disk.chunkBytes / feed.rows).toFixed(1);
  const ratio = (feed.bytes / disk.chunkBytes).toFixed(0);
  fact(
    "disk",
    showBytes(disk.chunkBytes),
    `${bytesPerRow} bytes a row; NDJSON takes ${ratio} times as much`,
  );
}

function describeProof(output: Output, proof: Proof): void {
  const { bold, dim, green, red } = output.paint;
  const { source, stored, airports, equalAirports, windows } = proof;
  const verdict = proof.isWhole
    ? `${green("✓")} ${bold("Nothing lost, nothing doubled")}`
    : `${red("✗")} ${bold("Source and store differ")}`;
  output.line(verdict);
  const names = ["flights", "minutes of delay", "miles"];
  const row = (label: string, totals: Totals): readonly string[] => [
    label,
    ...[totals.flights, totals.delay, totals.distance].map(showCount),
  ];
  output.table(
    [{ name: "" }, ...names.map((name) => ({ name, align: "right" as const }))],
    [row("source", source), row("Kurobe", stored)],
  );
  output.line(dim(`airports that agree: ${showCount(equalAirports)} of ${showCount(airports)}`));
  output.line(
    dim(
      `hourly results that equal one query over all rows: ${showCount(windows.equal)} of ${showCount(windows.hours)}`,
    ),
  );
}

function describeQuestions(output: Output, questions: readonly Asked[]): void {
  const { bold } = output.paint;
  output.line(bold("Queries over HTTP"));
  for (const { what, elapsedMs } of questions) {
    output.line(`${bold(showElapsed(elapsedMs).padStart(LABEL_CELLS + FIGURE_CELLS))}  ${what}`);
  }
  const [first] = questions;
  if (first === undefined) return;
  output.table(
    first.columns.map((name, index) => ({ name, align: index === 0 ? "left" : "right" })),
    first.rows.map((row) => row.map(String)),
  );
}

/** Lines to copy: they work in any shell as long as the demo is up. */
export function describeNext(
  output: Output,
  { url, token, script }: { readonly url: string; readonly token: string; readonly script: string },
): void {
  const { bold, dim, cyan } = output.paint;
  const kurobe = `node ${script}`;
  const late =
    "SELECT window_start, flights, revision FROM departures WHERE origin = 'SFO' AND revision > 1 LIMIT 5";
  const flight =
    '{"scheduled":"2001-07-02T09:00Z","delay":5,"distance":337,"origin":"SFO","destination":"LAX"}';
  output.line();
  output.line(bold("Try next, in another terminal"));
  for (const [line, about] of [
    [`export KUROBE_URL=${url} KUROBE_TOKEN=${token}`, ""],
    [`${kurobe} sql "${late}"`, "hours that late flights corrected"],
    [`${kurobe} sql`, "a prompt with history"],
    [`${kurobe} dlq ls flights`, "rows that were refused, and why"],
    [`${kurobe} status`, ""],
    [
      'curl -sN -H "Authorization: Bearer $KUROBE_TOKEN" $KUROBE_URL/v1/windows/departures/live',
      "",
    ],
    [`echo '${flight}' | ${kurobe} ingest flights -`, "closes hours: look at curl's"],
  ] as const) {
    output.line(`  ${cyan(line)}${about === "" ? "" : dim(`  # ${about}`)}`);
  }
  output.line();
  output.line(dim("The demo stays up; Ctrl-C ends it and removes its data."));
}
