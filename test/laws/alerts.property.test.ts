/**
 * Alerts decide by the entries of the log, not by how these were grouped: the states, and who was
 * told of them, are the same after a replay, whose groups are others.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import "../support/seed.ts";
import { type Clock } from "../../src/core/clock.ts";
import { sql } from "../../src/core/sql.ts";
import {
  absent,
  alert,
  type AlertSpec,
  change,
  column,
  type Condition,
  count,
  dataset,
  defineProject,
  hopping,
  session,
  sum,
  threshold,
  tumbling,
  zscore,
} from "../../src/index.ts";
import { openPlatform, type Platform } from "../../src/platform/open-platform.ts";
import { type Plan } from "../../src/plan/plan.ts";
import { resolveProject } from "../../src/plan/resolve.ts";
import { PLATFORM_SETTINGS } from "../support/served-platform.ts";

const RUNS = Number(process.env["KUROBE_LAW_RUNS"] ?? 12);
const START_MS = Date.UTC(2026, 0, 1, 12);
const ALERTS = ["first", "second"] as const;

class HeldClock implements Clock {
  us = BigInt(START_MS) * 1000n;
  nowUs(): bigint {
    return this.us;
  }
  monotonicMs(): number {
    return 0;
  }
}

const condition: fc.Arbitrary<Condition> = fc.constantFrom(
  threshold({ of: "n", above: 6, clear: 3 }),
  threshold({ of: "n", above: 4, below: 0 }),
  // Sessions have no window before.
  change({ of: "n", against: "previous", above: 50 }),
  zscore({ of: "n", over: "10m", above: 1, minResults: 2 }),
  absent({ for: "90s" }),
);

const alertSpec: fc.Arbitrary<Omit<AlertSpec, "on">> = fc.record({
  when: condition,
  for: fc.constantFrom("0s" as const, "1m" as const),
  missing: fc.constantFrom("resolve" as const, "keep" as const),
  limit: fc.constantFrom({ notifications: 2, per: "2m" as const }),
  staleAfter: fc.constantFrom("10m" as const, "3650d" as const),
});

const plans: fc.Arbitrary<Plan> = fc
  .record({
    kind: fc.constantFrom("tumbling", "tumbling", "hopping", "session"),
    lateness: fc.constantFrom("0s", "5m", "1h"),
    alerts: fc.tuple(alertSpec, alertSpec),
  })
  .map(({ kind, lateness, alerts }) => {
    const events = dataset({
      columns: { at: column.timestamp(), k: column.text(), v: column.int64() },
      eventTime: "at",
      watermark: { maxFutureSkew: "3650d" },
    });
    const spec = {
      from: events,
      by: ["k"],
      measure: { n: sum("v"), rows: count() },
      allowedLateness: lateness,
    };
    const window =
      kind === "tumbling"
        ? tumbling({ ...spec, size: "1m" } as never)
        : kind === "hopping"
          ? hopping({ ...spec, size: "2m", every: "1m" } as never)
          : session({ ...spec, gap: "20s" } as never);
    const watching = ALERTS.map((name, index) => {
      const { when, ...rest } = alerts[index] ?? alerts[0];
      const isOdd = kind === "session" && when.kind === "change";
      const own = { ...rest, when: isOdd ? threshold({ of: "n", above: 5 }) : when };
      return [name, alert({ on: window, ...own })];
    });
    return resolveProject(
      defineProject({
        name: "watched",
        datasets: { events },
        windows: { w: window },
        alerts: Object.fromEntries(watching),
      } as never),
    );
  });

type Step =
  /** Sent at once: the writer may take some of them together. */
  | { readonly kind: "send"; readonly bodies: readonly (readonly string[])[] }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "silence"; readonly group: string }
  | { readonly kind: "checkpoint" };

const row = fc
  .tuple(
    fc.integer({ min: 0, max: 5 * 60 }),
    fc.constantFrom("a", "a", "b"),
    fc.integer({ min: -3, max: 8 }),
  )
  .map(([second, k, v]) =>
    JSON.stringify({ at: new Date(START_MS + second * 1000).toISOString(), k, v }),
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .array(fc.array(row, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 })
      .map((bodies): Step => ({ kind: "send", bodies })),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 100 }).map((seconds): Step => ({ kind: "wait", seconds })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("a", "b").map((group): Step => ({ kind: "silence", group })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "checkpoint" }) },
);
const scripts = fc.array(step, { minLength: 3, maxLength: 12 });

async function perform(platform: Platform, clock: HeldClock, one: Step): Promise<void> {
  if (one.kind === "wait") clock.us += BigInt(one.seconds) * 1_000_000n;
  if (one.kind === "checkpoint") await platform.engine.checkpoint("test");
  if (one.kind === "silence")
    await platform.alarms.silence(ALERTS[0], { forUs: 60_000_000, group: { k: one.group } });
  if (one.kind !== "send") return;
  await Promise.all(
    one.bodies.map((lines) =>
      platform.ingest.accept({
        dataset: "events",
        format: "ndjson",
        body: Buffer.from(lines.join("\n")),
        onInvalid: "dead_letter",
        producer: "",
        idempotencyKey: "",
      }),
    ),
  );
}

/** What happened to each group, who was told, and where each group stands. */
async function look(platform: Platform): Promise<unknown> {
  await using connection = await platform.database.connect();
  const happened: (readonly string[])[] = [];
  for (const name of ALERTS) {
    const rows = await connection.values(sql`SELECT * FROM rows.${sql.id(name)} ORDER BY _seq`);
    happened.push(rows.map((values) => values.map(String).join(" ")));
  }
  return { happened, standing: platform.alarms.list() };
}

test("alerts say the same in every replay, whatever the writer takes together", async () => {
  await fc.assert(
    fc.asyncProperty(plans, scripts, async (plan, steps) => {
      const directory = await mkdtemp(join(tmpdir(), "kurobe-law-"));
      const clock = new HeldClock();
      const open = (): Promise<Platform> =>
        openPlatform(plan, { ...PLATFORM_SETTINGS, dataDirectory: directory }, { clock });
      try {
        let platform = await open();
        try {
          for (const one of steps) await perform(platform, clock, one);
          await platform.engine.tick();
          const seen = await look(platform);
          await platform[Symbol.asyncDispose]();
          platform = await open();
          expect(await look(platform)).toEqual(seen);
        } finally {
          await platform[Symbol.asyncDispose]();
        }
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: RUNS, endOnFailure: process.env["KUROBE_NO_SHRINK"] !== undefined },
  );
}, 600_000);
