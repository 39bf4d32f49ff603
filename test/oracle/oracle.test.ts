import { describe, expect, it } from "vitest";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  last,
  sum,
  tumbling,
  type DatasetSpec,
  type TumblingSpec,
} from "../../src/index.ts";
import { type Plan } from "../../src/plan/plan.ts";
import { resolveProject } from "../../src/plan/resolve.ts";
import { textOf } from "./value.ts";
import { runOracle, type OracleInput, type ScriptEntry } from "./oracle.ts";

const MINUTE = 60_000_000n;
const columns = { at: column.timestamp(), id: column.text(), n: column.int64().nullable() };
type Ticks = DatasetSpec<typeof columns>;

interface Options {
  readonly key?: Ticks["key"] & {};
  readonly watermark?: Ticks["watermark"] & {};
  readonly dedup?: Ticks["dedup"] & {};
  readonly allowedLateness?: string;
  readonly late?: TumblingSpec<never, never, never>["late"] & {};
}

/** One dataset, windows of ten minutes by id, only rows with n >= 0. */
function plan({ allowedLateness = "0s", late = "update", ...options }: Options = {}): Plan {
  const ticks = dataset({ columns, eventTime: "at", ...options });
  const sums = tumbling({
    from: ticks,
    size: "10m",
    by: ["id"],
    where: col("n").ge(0),
    measure: { rows: count(), total: sum("n"), close: last("n") },
    allowedLateness,
    late,
  });
  return resolveProject(defineProject({ name: "p", datasets: { ticks }, windows: { sums } }));
}

const row = (minute: number, id: string, n: bigint | null): OracleInput => ({
  at: BigInt(minute) * MINUTE,
  id,
  n,
});
const batch = (rows: readonly OracleInput[], producer?: string, minute = 1000): ScriptEntry => ({
  kind: "batch",
  dataset: "ticks",
  producer,
  receivedAtUs: BigInt(minute) * MINUTE,
  rows,
});

/** `start id rows total revision`, times in minutes. */
function results(options: Options, script: readonly ScriptEntry[]): readonly string[] {
  const found = runOracle(plan(options), script).windows.get("sums") ?? [];
  return found.map(
    ({ startUs, by, measures, revision }) =>
      `${startUs / MINUTE} ${textOf(by["id"])} ${textOf(measures["rows"])} ${textOf(measures["total"])} ${revision}`,
  );
}

function outcome(options: Options, script: readonly ScriptEntry[]): ReturnType<typeof datasetOf> {
  return datasetOf(runOracle(plan(options), script));
}

function datasetOf(
  found: ReturnType<typeof runOracle>,
): NonNullable<ReturnType<typeof found.datasets.get>> {
  const ticks = found.datasets.get("ticks");
  if (ticks === undefined) throw new Error("no ticks");
  return ticks;
}

describe("the oracle's windows", () => {
  it("close when the watermark reaches their end", () => {
    const rows = [row(1, "a", 5n), row(9, "a", 6n)];
    expect(results({}, [batch(rows)])).toEqual([]);
    expect(results({}, [batch([...rows, row(10, "b", 1n)])])).toEqual(["0 a 2 11 1"]);
    const slack = { watermark: { outOfOrderness: "1m" } };
    expect(results(slack, [batch([...rows, row(10, "b", 1n)])])).toEqual([]);
    expect(results(slack, [batch([...rows, row(11, "b", 1n)])])).toEqual(["0 a 2 11 1"]);
  });

  it("count a late row once as a revision, and leave out what the condition refuses", () => {
    const script = [batch([row(1, "a", 5n), row(12, "a", 1n), row(2, "a", 7n), row(3, "a", -1n)])];
    expect(results({ allowedLateness: "5m" }, script)).toEqual(["0 a 2 12 2"]);
  });

  it("give a group that only late rows have a revision above 1", () => {
    const script = [batch([row(1, "a", 5n), row(12, "a", 1n), row(2, "b", 7n)])];
    expect(results({ allowedLateness: "5m" }, script)).toEqual(["0 a 1 5 1", "0 b 1 7 2"]);
  });

  it("store rows beyond the lateness, but count them nowhere", () => {
    const script = [batch([row(1, "a", 5n), row(15, "a", 1n), row(2, "a", 7n)])];
    expect(results({ allowedLateness: "5m" }, script)).toEqual(["0 a 1 5 1"]);
    const ticks = outcome({ allowedLateness: "5m" }, script);
    expect(ticks.rows).toHaveLength(3);
    expect(ticks.lateRows).toMatchObject([
      { window: "sums", seq: 2, startUs: 0n, watermarkUs: 15n * MINUTE },
    ]);
  });

  it("send every late row aside where the window says so", () => {
    const script = [batch([row(1, "a", 5n), row(12, "a", 1n), row(2, "a", 7n)])];
    expect(results({ allowedLateness: "1h", late: "side" }, script)).toEqual(["0 a 1 5 1"]);
    expect(outcome({ allowedLateness: "1h", late: "side" }, script).lateRows).toHaveLength(1);
  });

  it("do not depend on how rows are split into batches", () => {
    const rows = [
      row(1, "a", 5n),
      row(12, "a", 1n),
      row(2, "a", 7n),
      row(25, "b", 2n),
      row(3, "a", 1n),
    ];
    const options = { allowedLateness: "10m" };
    expect(results(options, [batch(rows)])).toEqual(
      results(
        options,
        rows.map((one) => batch([one])),
      ),
    );
  });
});

describe("the oracle's watermark", () => {
  it("waits for the slowest named producer, until it is idle", () => {
    const script = [
      batch([row(1, "a", 1n)], "slow", 1000),
      batch([row(30, "a", 1n)], "fast", 1001),
    ];
    const options = { watermark: { idleTimeout: "5m" } };
    expect(outcome(options, script).watermarkUs).toBe(MINUTE);
    const tick = (minute: number): ScriptEntry => ({
      kind: "tick",
      receivedAtUs: BigInt(minute) * MINUTE,
    });
    expect(outcome(options, [...script, tick(1005)]).watermarkUs).toBe(MINUTE);
    expect(
      outcome(options, [...script, { kind: "tick", receivedAtUs: 1005n * MINUTE + 1n }])
        .watermarkUs,
    ).toBe(30n * MINUTE);
    expect(results(options, [...script, tick(1006)])).toEqual(["0 a 1 1 1"]);
  });

  it("takes the newest of all when all are idle, and never goes back", () => {
    const options = { watermark: { idleTimeout: "1m" } };
    const script = [
      batch([row(1, "a", 1n)], "x", 1000),
      batch([row(30, "a", 1n)], "y", 1000),
      { kind: "tick", receivedAtUs: 2000n * MINUTE } as const,
    ];
    expect(outcome(options, script).watermarkUs).toBe(30n * MINUTE);
    expect(outcome(options, [...script, batch([row(2, "a", 1n)], "x", 2000)]).watermarkUs).toBe(
      30n * MINUTE,
    );
  });

  it("is not moved by rows from the future", () => {
    const ticks = outcome({ watermark: { maxFutureSkew: "10m" } }, [
      batch([row(1010, "a", 1n), row(1011, "a", 1n)], undefined, 1000),
    ]);
    expect(ticks.watermarkUs).toBe(1010n * MINUTE);
    expect(ticks.deadLetters).toMatchObject([{ reason: "it lies in the future" }]);
  });
});

describe("the oracle's duplicates and upserts", () => {
  it("drop a row that is like an accepted one near in time", () => {
    const options = { dedup: { by: ["id"], within: "10m" } } satisfies Options;
    const ticks = outcome(options, [
      batch([
        row(0, "a", 1n),
        row(9, "a", 2n),
        row(10, "a", 3n),
        row(19, "a", 4n),
        row(5, "b", 5n),
      ]),
    ]);
    // The one of minute 9 was dropped, so it shields nothing: minute 10 is kept, and shields 19.
    expect(ticks.rows.map((one) => one.row["n"])).toEqual([1n, 3n, 5n]);
    expect(ticks.duplicates).toHaveLength(2);
  });

  it("keep the newest row of a key, and correct the window that the old one was in", () => {
    const options = { key: ["id"], allowedLateness: "1h" } satisfies Options;
    const script = [batch([row(1, "a", 5n), row(2, "b", 1n), row(12, "c", 0n)])];
    expect(results(options, script)).toEqual(["0 a 1 5 1", "0 b 1 1 1"]);
    const moved = [...script, batch([row(13, "b", 9n), row(3, "a", 6n)])];
    expect(results(options, moved)).toEqual(["0 a 1 6 2"]);
    expect(outcome(options, moved).rows.map((one) => one.row["id"])).toEqual(["c", "b", "a"]);
  });

  it("leave a result as it was published where an upsert comes too late for it", () => {
    const options = { key: ["id"] } satisfies Options;
    const script = [batch([row(1, "a", 5n), row(12, "c", 0n), row(13, "a", 9n)])];
    expect(results(options, script)).toEqual(["0 a 1 5 1"]);
    expect(outcome(options, script).lateRows).toMatchObject([{ seq: 2, startUs: 0n }]);
  });
});

describe("the oracle's dead letters", () => {
  it("are rows that lack a value or have one of another type", () => {
    const ticks = outcome({}, [
      batch([{ at: 0n }, { at: 0n, id: 5n }, { at: "0", id: "a" }, { at: 0n, id: "a" }]),
    ]);
    expect(ticks.deadLetters.map((one) => one.reason)).toEqual([
      "id is missing",
      "id is not text",
      "at is not timestamp",
    ]);
    expect(ticks.rows).toMatchObject([{ seq: 0, row: { n: null } }]);
  });
});
