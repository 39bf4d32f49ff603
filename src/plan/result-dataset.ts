/** A window's results as a dataset: what is stored, and what windows over them read. */
import { type DatasetPlan, type WindowPlan } from "./plan.ts";

export function resultsAsDataset(window: WindowPlan): DatasetPlan {
  return {
    name: window.name,
    columns: window.columns,
    eventTime: "window_start",
    key: ["window_start", ...window.by.map((one) => one.name)],
    watermark: { outOfOrdernessUs: 0, idleTimeoutUs: null, maxFutureSkewUs: 0 },
    dedup: null,
  };
}
