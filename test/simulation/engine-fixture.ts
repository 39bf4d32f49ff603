/** A small platform on the simulated disk, and the project that the engine's simulations run. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Sql, sql } from "../../src/core/sql.ts";
import {
  type DatasetPlan,
  type NamedAggregate,
  type Plan,
  type WindowPlan,
} from "../../src/plan/plan.ts";
import { openPlatform, type Platform } from "../../src/platform/open-platform.ts";
import { columnPlan, datasetPlan, planOf } from "../support/plans.ts";
import { type SimDisk } from "./sim-disk.ts";

const MINUTE_US = 60_000_000;

const int64 = { kind: "int64" } as const;

function measure(
  name: string,
  fn: "count" | "sum" | "min" | "max" | "first" | "last",
  of = "id",
): NamedAggregate {
  const argument = fn === "count" ? null : ({ kind: "column", name: of, type: int64 } as const);
  const aggregate = {
    kind: "aggregate",
    function: fn,
    argument,
    where: null,
    type: int64,
  } as const;
  return { name, type: int64, aggregate };
}

const text = { kind: "text" } as const;

const measures = [
  measure("n", "count"),
  measure("low", "min"),
  measure("high", "max"),
  measure("open", "first"),
  measure("close", "last"),
];

/** Every late row corrects its windows: so the results must equal one query over all rows. */
const base = {
  by: [{ name: "name", type: text, expression: { kind: "column", name: "name", type: text } }],
  where: null,
  measures,
  allowedLatenessUs: 86_400_000_000,
  late: "update",
  columns: [
    columnPlan("window_start", "timestamp"),
    columnPlan("window_end", "timestamp"),
    columnPlan("name", "text"),
    ...measures.map((one) => columnPlan(one.name, "int64", { nullable: true })),
    columnPlan("revision", "int64"),
  ],
} as const;

/** The final results must replace them after any crash. */
const early = { emit: "update", throttleUs: 250_000 } as const;

function perMinute(from: string): WindowPlan {
  const size = { kind: "fixed", us: MINUTE_US } as const;
  return { kind: "tumbling", name: `${from}_1m`, from, size, timezone: "UTC", ...base, ...early };
}

/** One minute, every 20 seconds. */
function sliding(from: string): WindowPlan {
  const every = { kind: "fixed", us: MINUTE_US / 3 } as const;
  return { kind: "hopping", name: `${from}_hop`, from, every, panes: 3, timezone: "UTC", ...base };
}

/** Three minutes over the minutes: the same results as one query over the rows. */
function perThreeMinutes(from: string): WindowPlan {
  return {
    ...base,
    kind: "tumbling",
    name: `${from}_3m`,
    from: `${from}_1m`,
    size: { kind: "fixed", us: 3 * MINUTE_US },
    timezone: "UTC",
    measures: [
      measure("n", "sum", "n"),
      measure("low", "min", "low"),
      measure("high", "max", "high"),
      measure("open", "first", "open"),
      measure("close", "last", "close"),
    ],
  };
}

const columns = [
  columnPlan("at", "timestamp"),
  columnPlan("id", "int64"),
  columnPlan("name", "text"),
];
const watermark = { outOfOrdernessUs: 5_000_000, idleTimeoutUs: null, maxFutureSkewUs: 1e15 };

/** Over after 15 seconds without a row. */
function visits(from: string): WindowPlan {
  return { kind: "session", name: `${from}_visits`, from, gapUs: 15_000_000, ...base, ...early };
}

export const EVENTS: DatasetPlan = datasetPlan("events", columns, { watermark });
/** Upserts by (name, at), so that rows and windows are corrected. */
export const STATES: DatasetPlan = datasetPlan("states", columns, {
  watermark,
  key: ["name", "at"],
});

export const PLAN: Plan = planOf(
  [EVENTS, STATES],
  [
    ...[EVENTS, STATES].flatMap(({ name }) => [
      perMinute(name),
      perThreeMinutes(name),
      sliding(name),
    ]),
    visits("events"),
  ],
);

export async function openSimulated(disk: SimDisk, plan: Plan = PLAN): Promise<Platform> {
  const dataDirectory = join(disk.root, "data");
  // The machine was restarted: nobody holds the lock any more.
  await rm(join(dataDirectory, "lock"), { force: true });
  return openPlatform(
    plan,
    {
      dataDirectory,
      memoryLimitBytes: 256 * 1024 * 1024,
      threads: 1,
      checkpointIntervalMs: 3_600_000,
      memoryTableBytes: 1e9,
      maxBodyBytes: 1e7,
      maxPendingBytes: 1e7,
      maxLineBytes: 100_000,
      logSegmentBytes: 4096,
      acceptDestructive: false,
    },
    { disk },
  );
}

/** Rows as `name at id`, in the order of arrival; windows as text; each sorted. */
export interface Contents {
  readonly rows: readonly string[];
  readonly windows: readonly string[];
  /** The same windows by one query over all stored rows. */
  readonly expected: readonly string[];
}

export async function contentsOf(platform: Platform, dataset: DatasetPlan): Promise<Contents> {
  await using connection = await platform.database.connect();
  const texts = async (statement: Sql): Promise<readonly string[]> =>
    (await connection.values(statement)).map((row) =>
      row.map((value) => `${value as string | bigint}`).join(" "),
    );
  const name = sql.id(dataset.name);
  const rows = await texts(sql`SELECT name, epoch_us("at"), id FROM rows.${name} ORDER BY _seq`);
  const windows: string[] = [];
  const expected: string[] = [];
  for (const window of PLAN.windows.filter((one) => one.name.startsWith(dataset.name))) {
    const status = platform.engine.status().windows.find((one) => one.name === window.name);
    const closedUs = status?.closedUntilUs ?? 0n;
    const results = await texts(
      sql`SELECT epoch_us(window_start), epoch_us(window_end), name, n, low, high, "open", "close"
            FROM ${sql.id(window.name)} WHERE revision > 0 ORDER BY ALL`,
    );
    windows.push(...results.map((line) => `${window.name} ${line}`));
    const lines = await texts(
      sql`SELECT start, "end", name, count(*), min(id), max(id),
                 first(id ORDER BY "at", _seq), last(id ORDER BY "at", _seq)
            FROM (${bySpan(window, name)}) AS r WHERE "end" <= ${sql.literal(closedUs)}
           GROUP BY start, "end", name ORDER BY ALL`,
    );
    expected.push(...lines.map((line) => `${window.name} ${line}`));
    // A session that begins earlier now has its old start until the next renewal.
    if (window.kind === "session") continue;
    const stale = await texts(
      sql`SELECT epoch_us(window_start), name, n FROM ${sql.id(window.name)}
           WHERE revision = 0 AND epoch_us(window_end) <= ${sql.literal(closedUs)}`,
    );
    windows.push(...stale.map((line) => `${window.name} has closed, but not ${line}`));
  }
  return { rows, windows, expected };
}

/** Each row once for each window that it lies in. */
function bySpan(window: WindowPlan, dataset: Sql): Sql {
  if (window.kind === "session") return bySession(window.gapUs, dataset);
  const isHopping = window.kind === "hopping";
  const grid = isHopping ? window.every : window.size;
  const everyUs = sql.literal(grid.kind === "fixed" ? grid.us : 0);
  const panes = sql.literal(isHopping ? window.panes : 1);
  return sql`SELECT r.*, start, start + ${panes} * ${everyUs} AS "end"
    FROM (SELECT *, (epoch_us("at") // ${everyUs} - step) * ${everyUs} AS start
            FROM rows.${dataset}, range(${panes}) AS steps(step)) AS r`;
}

function bySession(gapUs: number, dataset: Sql): Sql {
  const gap = sql.literal(gapUs);
  return sql`SELECT s.*, min(epoch_us("at")) OVER whole AS start,
                    max(epoch_us("at")) OVER whole + ${gap} AS "end"
    FROM (SELECT g.*, sum(gap) OVER (PARTITION BY name ORDER BY "at", _seq) AS session
            FROM (SELECT *, CASE WHEN epoch_us("at") - lag(epoch_us("at")) OVER (
                            PARTITION BY name ORDER BY "at", _seq) < ${gap} THEN 0 ELSE 1 END AS gap
                    FROM rows.${dataset}) AS g) AS s
    WINDOW whole AS (PARTITION BY name, session)`;
}
