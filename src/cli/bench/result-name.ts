/** What the file of a result is called. */
import { type BenchResult } from "../../bench/result/result.ts";

/** `kv-valkey-20261121T134200`: sorts by workload, then target, then time. */
export function resultName({ config, start_time: startTime }: BenchResult): string {
  const safe = (text: string): string => text.replace(/[^A-Za-z0-9_.-]+/g, "-");
  const time = startTime.replace(/[-:]/g, "").replace(/\..*$/, "");
  return `${safe(config.workload.name)}-${safe(config.name)}-${time}`;
}
