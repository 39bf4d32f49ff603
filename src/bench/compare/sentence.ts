/** A judgement in words that can be quoted without the table beside it. */
import { type ComparisonRow } from "./comparison.ts";

const FIGURES = { throughput: "throughput", p50: "median latency", p99: "p99 latency" } as const;

/** `valkey has 4.8 % more throughput than redis (95 % interval 3.9 to 5.6 %, …).` */
export function sentenceOf(row: ComparisonRow): string {
  const { baseline, target, verdict } = row;
  const figure = FIGURES[row.metric];
  const where = row.command === null ? "" : ` of ${row.command}`;
  if (verdict === "too_few") {
    return `${figure}${where} of ${target} and ${baseline}: ${row.n} measurements are too few to judge.`;
  }
  const behind = basisOf(row);
  if (verdict === "no_difference_shown") {
    return (
      `No difference in ${figure}${where} between ${target} and ${baseline} that this run can show ` +
      `(${behind}); one of ${shareText(row.detectable)} would have been found nine times in ten.`
    );
  }
  const more = row.ratio > 1 ? "higher" : "lower";
  return (
    `${target} has ${shareText(Math.abs(row.ratio - 1))} ${more} ${figure}${where} than ${baseline} ` +
    `(${behind}): ${verdict}.`
  );
}

function basisOf(row: ComparisonRow): string {
  const interval = `ratio ${row.ratio.toFixed(3)}, 95 % interval ${row.low.toFixed(3)} to ${row.high.toFixed(3)}`;
  const pairs =
    row.won === null ? `${row.n} intervals a side` : `${row.n} pairs, better in ${row.won}`;
  const floor = row.is_floor_measured
    ? `equal servers differed by up to ${shareText(row.floor)}`
    : `differences below ${shareText(row.floor)} do not count`;
  return `${interval}; ${pairs}; ${floor}`;
}

/** `4.8 %` */
export function shareText(share: number): string {
  const percent = share * 100;
  return `${percent >= 9.95 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}
