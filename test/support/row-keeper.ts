/** What every destination that keeps rows has to do with repeated and old deliveries. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DatasetPlan } from "../../src/plan/plan.ts";
import { type Delivery } from "../../src/sinks/delivery.ts";
import { type Destination, type DestinationDeps } from "../../src/sinks/destination.ts";
import { openPaces } from "../../src/sinks/pace.ts";
import { columnPlan, datasetPlan } from "./plans.ts";

export interface RowKeeper extends AsyncDisposable {
  readonly destination: Destination;
  /** `n` of each key that is held. */
  held(): Promise<ReadonlyMap<string, number>>;
}

/** A row a name, with a number that is told from one version to the next. */
export const NAMED: DatasetPlan = datasetPlan(
  "named",
  [columnPlan("at", "timestamp"), columnPlan("name", "text"), columnPlan("n", "int64")],
  { key: ["name"] },
);

export function destinationDeps(
  relation: DatasetPlan,
  rest: Partial<DestinationDeps> = {},
): DestinationDeps {
  return {
    project: "tests",
    relation,
    alert: null,
    folder: ".",
    paces: openPaces(() => performance.now()),
    canDelete: true,
    reveal: (text) => (typeof text === "string" ? text : ""),
    nowMs: () => 0,
    ...rest,
  };
}

/** Version `version` of a name; null takes it back. */
export function namedDelivery(name: string, version: number, n: number | null): Delivery {
  const at = "2026-01-01T00:00:00.000000Z";
  return {
    ...{ sink: "kept", relation: "named", id: `dlv_${name}_${version}` },
    op: n === null ? "delete" : "upsert",
    revision: version,
    version,
    key: { name },
    row: { at, name, n },
    seq: version,
    lane: name,
  };
}

const { signal } = new AbortController();

const historyOf = fc.array(fc.record({ key: fc.nat(2), isDelete: fc.boolean() }), {
  minLength: 1,
  maxLength: 20,
});
/** How many deliveries come next, and how far the cursor falls back after them. */
const stepsOf = fc.array(fc.record({ take: fc.integer({ min: 1, max: 6 }), back: fc.nat(6) }), {
  maxLength: 8,
});

/** `open` gives one more destination for the same place, which is empty at first. */
export function describeRowKeeper(open: () => Promise<RowKeeper>): void {
  describe("keeps rows", () => {
    it("of the newest version, however often and from where deliveries are repeated", async () => {
      await using keeper = await open();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(historyOf, stepsOf, async (history, steps) => {
          const prefix = `${++run}-`;
          const deliveries = history.map(({ key, isDelete }, index) =>
            namedDelivery(`${prefix}${key}`, index + 1, isDelete ? null : index + 1),
          );
          const newest = new Map<string, Delivery>();
          let cursor = 0;
          for (const { take, back } of [...steps, { take: history.length, back: 0 }]) {
            const batch = deliveries.slice(cursor, cursor + take);
            if (batch.length === 0) break;
            await keeper.destination.deliver(batch, signal);
            for (const one of batch) {
              const name = String(one.key["name"]);
              if (one.version > (newest.get(name)?.version ?? 0)) newest.set(name, one);
            }
            cursor = Math.max(0, cursor + batch.length - back);
            const held = [...(await keeper.held())].filter(([name]) => name.startsWith(prefix));
            const expected = [...newest].flatMap(([name, { op, version }]) =>
              op === "delete" ? [] : [[name, version] as const],
            );
            expect(new Map(held)).toEqual(new Map(expected));
          }
        }),
        { numRuns: 15 },
      );
    });

    it("also while a process that was thought dead still delivers", async () => {
      await using old = await open();
      await using young = await open();
      for (let round = 0; round < 10; round++) {
        const names = Array.from({ length: 50 }, (_, i) => `race-${round}-${i}`);
        const first = names.map((name) => namedDelivery(name, 1, 1));
        // Every second name is taken back by the newer one.
        const second = names.map((name, i) => namedDelivery(name, 2, i % 2 === 0 ? 2 : null));
        const repeat = async (): Promise<void> => {
          await old.destination.deliver(first, signal);
          await old.destination.deliver(first, signal);
        };
        await Promise.all([repeat(), young.destination.deliver([...first, ...second], signal)]);
        const held = await young.held();
        const found = names.map((name) => held.get(name) ?? null);
        expect(found).toEqual(second.map(({ row }) => row["n"]));
      }
    });
  });
}
