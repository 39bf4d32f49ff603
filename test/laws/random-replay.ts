/** Random projects and scripts in which history comes beside live rows. */
import * as fc from "fast-check";
import { type Plan } from "../../src/plan/plan.ts";
import {
  batchOf,
  planOf,
  projectSpec,
  rowAt,
  type SentRow,
  type Step,
  stepOf,
  timeUs,
} from "./random-project.ts";

/** For history beside live rows: results are final, and rows stay or have a key of their own. */
export const randomReplayPlan: fc.Arbitrary<Plan> = fc
  .tuple(projectSpec, fc.constantFrom<readonly ("at" | "k")[]>([], [], ["k", "at"]))
  .map(([spec, key]) =>
    planOf({
      ...spec,
      key,
      windows: spec.windows.map((window) => ({
        ...window,
        // Of versions that came too late under a key, the ones before are not kept.
        ...(key.length === 0 ? {} : { lateness: "3650d", late: "update" as const }),
      })),
    }),
  );

/** Mostly in order, as history is. */
const historyOf = (times: fc.Arbitrary<bigint>): fc.Arbitrary<Step> =>
  fc
    .tuple(fc.array(batchOf(rowAt(times)), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([batches, isSorted]): Step => {
      const inOrder = (rows: readonly SentRow[]): readonly SentRow[] =>
        rows.toSorted((a, b) => (a.atUs < b.atUs ? -1 : 1));
      const sorted = batches.map(({ rows, ...rest }) => ({ ...rest, rows: inOrder(rows) }));
      return { kind: "history", batches: isSorted ? sorted : batches };
    });

/** Live rows, and a replay beside them that begins and ends at any time. */
export const randomReplayScript: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: stepOf(batchOf(rowAt(timeUs)), false) },
    { weight: 4, arbitrary: historyOf(timeUs) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "end" }) },
  ),
  { minLength: 1, maxLength: 14 },
);
