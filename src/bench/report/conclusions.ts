/** What the report says before it shows anything: a line for each judgement that matters. */
import { type ComparisonRow } from "../compare/comparison.ts";
import { sentenceOf, shareText } from "../compare/sentence.ts";
import { type BenchResult } from "../result/result.ts";
import { median } from "../statistics/order.ts";
import { groupBy } from "./group-by.ts";
import { type ReportGroup, type ReportModel } from "./report-model.ts";

export interface Conclusion {
  readonly tone: "faster" | "slower" | "even" | "warning";
  readonly group: string;
  readonly text: string;
}

/** Of more groups, what was not shown is said in one sentence. */
const SPELT_OUT = 3;

/** Figures of all commands together come first; single commands only where something was shown. */
export function conclusionsOf({ groups }: ReportModel): readonly Conclusion[] {
  const isShort = groups.length > SPELT_OUT;
  const warnings = groups.flatMap(warningsOf);
  if (isShort) {
    const unshown = unshownOf(groups);
    const shown = groups.flatMap(shownOf);
    return [...(unshown === undefined ? [] : [unshown]), ...shown, ...once(warnings)];
  }
  return groups.flatMap((group) => [
    ...(group.comparison?.rows ?? []).filter(isWorthSaying).map((row) => spelt(row, group)),
    ...warningsOf(group),
  ]);
}

function spelt(row: ComparisonRow, { title }: ReportGroup): Conclusion {
  return { tone: toneOf(row), group: title, text: sentenceOf(row) };
}

/** Of many groups: what was shown of the whole, and all operations in one sentence a figure. */
function shownOf(group: ReportGroup): readonly Conclusion[] {
  const rows = (group.comparison?.rows ?? []).filter((row) => !isUnshown(row));
  const operations = groupBy(
    rows.filter(({ command }) => command !== null),
    ({ target, metric, verdict }) => `${target} ${metric} ${verdict}`,
  );
  return [
    ...rows.filter(({ command }) => command === null).map((row) => spelt(row, group)),
    ...operations.flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const names = same.map(
        ({ command, ratio }) => `${command} ${shareText(Math.abs(ratio - 1))}`,
      );
      const way = first.verdict === "faster" ? "lower" : "higher";
      const text = `${first.target} has ${way} ${first.metric} latency than ${first.baseline} in ${names.join(", ")}.`;
      return [{ tone: toneOf(first), group: group.title, text }];
    }),
  ];
}

function isUnshown({ verdict }: ComparisonRow): boolean {
  return verdict === "no_difference_shown" || verdict === "too_few";
}

function unshownOf(groups: readonly ReportGroup[]): Conclusion | undefined {
  const rows = groups.flatMap(({ comparison }) => comparison?.rows ?? []);
  const unshown = rows.filter(isUnshown);
  if (unshown.length === 0) return undefined;
  const detectable = median(unshown.map((row) => row.detectable));
  return {
    tone: "even",
    group: `${groups.length} workloads`,
    text:
      `No difference was shown in ${unshown.length} of ${rows.length} figures; in half of them one of ` +
      `${shareText(detectable)} would have been found nine times in ten.`,
  };
}

/** The same warning about each of many workloads is one about all of them. */
function once(warnings: readonly Conclusion[]): readonly Conclusion[] {
  return groupBy(warnings, ({ text }) => text).flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    return [same.length === 1 ? first : { ...first, group: `${same.length} workloads` }];
  });
}

function isWorthSaying({ command, verdict }: ComparisonRow): boolean {
  return command === null || verdict === "faster" || verdict === "slower";
}

function toneOf({ verdict }: ComparisonRow): Conclusion["tone"] {
  return verdict === "faster" || verdict === "slower" ? verdict : "even";
}

function warningsOf({ lanes, title, comparison }: ReportGroup): readonly Conclusion[] {
  const warn = (text: string): Conclusion => ({ tone: "warning", group: title, text });
  const isUnpaired = comparison?.rows.some(({ is_paired }) => !is_paired) ?? false;
  const busy = lanes.map(({ result }) => result.environment).find(isBusy);
  return [
    ...lanes.flatMap(({ result }) => doubtsOf(result).map(warn)),
    ...(busy === undefined
      ? []
      : [
          warn(
            `The machine was busy: its load average was above ${busyAbove(busy)} on ${busy.cores} cores. ` +
              "Intervals are wider than they have to be.",
          ),
        ]),
    ...(isUnpaired
      ? [
          warn(
            "These results ran one after another, so the machine's own changes count as differences; " +
              "`kurobe bench compare` runs them in turns and sees smaller effects.",
          ),
        ]
      : []),
    ...(new Set(lanes.map(({ result }) => result.environment.host_id)).size > 1
      ? [warn("These results come from different machines.")]
      : []),
  ];
}

/** A benchmark loads a machine by itself: client, server, and what the two make the kernel do. */
function isBusy(environment: BenchResult["environment"]): boolean {
  return environment.load_average > busyAbove(environment);
}

function busyAbove({ cores }: BenchResult["environment"]): number {
  return 2 * cores + 2;
}

const NOTABLE_ERRORS = 0.001;
const NOTABLE_STEAL = 0.02;

function doubtsOf({
  config,
  stats,
  errors,
  validity,
  environment,
}: BenchResult): readonly string[] {
  const { name } = config;
  const steal = environment.steal_share ?? 0;
  const share = stats.requests === 0 ? 0 : errors.total / stats.requests;
  const kinds = Object.entries(errors.by_kind)
    .toSorted(([, left], [, right]) => right - left)
    .map(([kind, count]) => `${kind} ${count}`);
  return [
    ...(validity.is_valid ? [] : [`${name}: not valid. ${validity.reasons.join("; ")}`]),
    ...(validity.is_partial ? [`${name}: the run was stopped before its end.`] : []),
    ...(stats.client.is_limited
      ? [`${name}: the client may have been the limit, so the engine may be faster than shown.`]
      : []),
    ...(share > NOTABLE_ERRORS
      ? [`${name}: ${(share * 100).toFixed(1)} % of the operations failed (${kinds.join(", ")}).`]
      : []),
    ...(steal > NOTABLE_STEAL
      ? [
          `${name}: other machines on this host took more than ${shareText(NOTABLE_STEAL)} of the processor.`,
        ]
      : []),
  ];
}
