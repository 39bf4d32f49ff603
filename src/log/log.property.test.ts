import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  describeEntry,
  inParts,
  openSmallLog,
  randomEntry,
  readAll,
} from "../../test/simulation/log-fixture.ts";
import { seededRandom } from "../../test/simulation/random.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { verifyLog } from "./verify.ts";

const STEP = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("append"), count: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("read"), count: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen"), count: fc.nat(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("roll"), count: fc.nat(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retain"), count: fc.nat(60) }) },
);

it("behaves as a list: any appends, rolls, removals and reopenings", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 25 }), fc.nat(), async (steps, seed) => {
      const random = seededRandom(seed);
      const directory = await mkdtemp(join(tmpdir(), "kurobe-log-"));
      const model: string[] = [];
      let kept = 1;
      let log = await openSmallLog(directory, { disk: nodeDisk });
      try {
        for (const { kind, count } of steps) {
          if (kind === "append") {
            const appended = Array.from({ length: count }, () => {
              const entry = randomEntry(random, model.length);
              const { position, durable } = log.append(entry.header, inParts(entry.body, random));
              model.push(describeEntry(position, entry));
              return durable;
            });
            await Promise.all(appended);
          } else if (kind === "read") {
            const from = Math.max(log.firstPosition, count);
            expect(await readAll(log, from)).toEqual(model.slice(from - 1));
          } else if (kind === "retain") {
            await log.retainFrom(count);
            kept = Math.max(kept, count);
          } else if (kind === "roll") {
            await log.roll();
          } else {
            await log[Symbol.asyncDispose]();
            log = await openSmallLog(directory, { disk: nodeDisk });
            expect(log.cutTail).toBeUndefined();
          }
          expect(log.nextPosition).toBe(model.length + 1);
          expect(log.firstPosition).toBeLessThanOrEqual(Math.min(kept, model.length + 1));
        }
        expect(await readAll(log)).toEqual(model.slice(log.firstPosition - 1));
        expect((await verifyLog(directory, { disk: nodeDisk })).damages).toEqual([]);
      } finally {
        await log[Symbol.asyncDispose]();
        await rm(directory, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
});
