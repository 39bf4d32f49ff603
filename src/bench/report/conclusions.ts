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
  const found = groups.flatMap((group) => [
    ...(group.comparison?.rows ?? [])
      .filter((row) => isWorthSaying(row) && !(isShort && isUnshown(row)))
      .map((row) => ({ tone: toneOf(row), group: group.title, text: sentenceOf(row) })),
    ...warningsOf(group),
  ]);
  const unshown = isShort ? unshownOf(groups) : undefined;
  return once(unshown === undefined ? found : [unshown, ...found]);
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
function once(found: readonly Conclusion[]): readonly Conclusion[] {
  const warnings = groupBy(
    found.filter(({ tone }) => tone === "warning"),
    ({ text }) => text,
  );
  const repeated = new Map(
    warnings.filter((same) => same.length > 1).map((same) => [same[0]?.text, same.length]),
  );
  const said = new Set<string>();
  return found.flatMap((each) => {
    const times = each.tone === "warning" ? repeated.get(each.text) : undefined;
    if (times === undefined) return [each];
    if (said.has(each.text)) return [];
    said.add(each.text);
    return [{ ...each, group: `${times} workloads` }];
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
          `${name}: other machines on this host took ${(steal * 100).toFixed(0)} % of the processor.`,
        ]
      : []),
  ];
}
