import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { columnPlan, datasetPlan, planOf } from "../../test/support/plans.ts";
import { type SinkPlan } from "../plan/plan.ts";
import { batchId, deliveryRules } from "./delivery.ts";

const relation = datasetPlan("events", [columnPlan("at", "timestamp"), columnPlan("note", "text")]);
const sink = { name: "out", from: "events" } as SinkPlan;

/** The first 16 bytes of a SHA-256: receivers remember ids for longer than a version lives. */
function shortHash(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");
}

it("is known by an id that no version makes otherwise", () => {
  const rules = deliveryRules(planOf([relation]), sink, relation, 3);
  fc.assert(
    fc.property(fc.nat(), fc.string(), (seq, note) => {
      const row = { at: "2026-01-01T00:00:00.000000Z", note };
      const delivery = rules.deliveryOf({ seq, isDeleted: false, row });
      const identity = ["out", "events", 3, "insert", [row.at, note], seq];
      const id = `dlv_${shortHash(JSON.stringify(identity))}`;
      expect(delivery?.id).toBe(id);
      if (delivery !== null)
        expect(batchId([delivery, delivery])).toBe(`bat_${shortHash(`${id}\n${id}`)}`);
    }),
  );
});
