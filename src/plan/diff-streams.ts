/** What changes between the streams of two plans. */
import { type Report } from "./diff.ts";
import { canonicalJson } from "./fingerprint.ts";
import { type Plan } from "./plan.ts";
import { type StreamPlan, streamsInOrder } from "./stream-plan.ts";

/**
 * Gives `lost` with the streams whose rows do not survive: what reads them is computed again too.
 */
export function diffStreams(
  before: Plan,
  after: Plan,
  lost: ReadonlySet<string>,
  report: Report,
): ReadonlySet<string> {
  const gone = new Set(lost);
  for (const stream of streamsInOrder(before.streams)) {
    const next = after.streams.find((one) => one.name === stream.name);
    const subject = `streams.${stream.name}`;
    if (next === undefined) {
      report("destructive", subject, "it is gone from the project: its rows are removed");
      gone.add(stream.name);
      continue;
    }
    const reason = rebuildReason(stream, next, gone);
    report(reason === null ? "keep" : "rebuild", subject, reason ?? "unchanged");
    if (reason !== null) gone.add(stream.name);
  }
  for (const { name, from } of after.streams) {
    const isNew = before.streams.every((one) => one.name !== name);
    if (isNew) report("add", `streams.${name}`, `a new stream of the stored rows of ${from}`);
  }
  return gone;
}

/** What only decides about rows that are still to come; everything else decides about all rows. */
const ARRIVAL_FIELDS: ReadonlySet<string> = new Set(["watermark"]);

/** Null where its rows stay what they are. */
function rebuildReason(
  before: StreamPlan,
  after: StreamPlan,
  lost: ReadonlySet<string>,
): string | null {
  const read = [before.from, ...before.joins.map((join) => join.with)];
  const changing = read.find((name) => lost.has(name));
  if (changing !== undefined) return `the rows of ${changing} change`;
  const old = new Map<string, unknown>(Object.entries(before));
  const fields = new Map<string, unknown>(Object.entries(after));
  const changed = [...new Set([...old.keys(), ...fields.keys()])].filter(
    (field) =>
      !ARRIVAL_FIELDS.has(field) &&
      canonicalJson(old.get(field) ?? null) !== canonicalJson(fields.get(field) ?? null),
  );
  if (changed.length === 0) return null;
  return `${changed.join(", ")} changed: all rows are computed again`;
}
