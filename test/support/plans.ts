/** Small plans for tests that do not test the project file. */
import {
  type ColumnPlan,
  type ColumnType,
  type DatasetPlan,
  type Plan,
  type WindowPlan,
} from "../../src/plan/plan.ts";

export function columnPlan(
  name: string,
  type: ColumnType["kind"] | ColumnType,
  rest: Partial<ColumnPlan> = {},
): ColumnPlan {
  const full = typeof type === "string" ? ({ kind: type } as ColumnType) : type;
  return { name, type: full, nullable: false, ...rest };
}

const HUNDRED_YEARS_US = 100 * 365 * 86_400_000_000;

export function datasetPlan(
  name: string,
  columns: readonly ColumnPlan[],
  rest: Partial<DatasetPlan> = {},
): DatasetPlan {
  return {
    name,
    columns,
    eventTime: columns[0]?.name ?? "at",
    key: [],
    watermark: {
      outOfOrdernessUs: 0,
      idleTimeoutUs: null,
      maxFutureSkewUs: HUNDRED_YEARS_US,
    },
    dedup: null,
    ...rest,
  };
}

export function planOf(
  datasets: readonly DatasetPlan[],
  windows: readonly WindowPlan[] = [],
): Plan {
  return {
    formatVersion: 1,
    name: "test",
    datasets,
    streams: [],
    windows,
    sinks: [],
    alerts: [],
    fingerprint: "test",
  };
}
