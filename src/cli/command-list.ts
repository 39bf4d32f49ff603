/** Every command by name, loaded when it is called for: `kurobe sql` never loads the engine. */
import { type Command } from "./command.ts";

export const COMMAND_LIST: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import("./commands/start.ts")).start,
  dev: async () => (await import("./commands/dev.ts")).dev,
  demo: async () => (await import("./commands/demo.ts")).demo,
  init: async () => (await import("./commands/init.ts")).init,
  check: async () => (await import("./commands/check.ts")).check,
  plan: async () => (await import("./commands/plan.ts")).plan,
  ingest: async () => (await import("./commands/ingest.ts")).ingest,
  sql: async () => (await import("./commands/sql.ts")).sql,
  tail: async () => (await import("./commands/tail.ts")).tail,
  status: async () => (await import("./commands/status.ts")).status,
  "checkpoint ls": async () => (await import("./commands/checkpoint.ts")).checkpointLs,
  "checkpoint now": async () => (await import("./commands/checkpoint.ts")).checkpointNow,
  "dlq ls": async () => (await import("./commands/dlq.ts")).dlqLs,
  "dlq retry": async () => (await import("./commands/dlq.ts")).dlqRetry,
  "dlq purge": async () => (await import("./commands/dlq.ts")).dlqPurge,
  "late ls": async () => (await import("./commands/late.ts")).lateLs,
  "late replay": async () => (await import("./commands/late.ts")).lateReplay,
  backfill: async () => (await import("./commands/backfill.ts")).backfill,
  "alert ls": async () => (await import("./commands/alert.ts")).alertLs,
  "alert silence": async () => (await import("./commands/alert.ts")).alertSilence,
  "alert test": async () => (await import("./commands/alert.ts")).alertTest,
  "sinks ls": async () => (await import("./commands/sinks.ts")).sinksLs,
  "sinks pause": async () => (await import("./commands/sinks.ts")).sinksPause,
  "sinks resume": async () => (await import("./commands/sinks.ts")).sinksResume,
  "sinks retry": async () => (await import("./commands/sinks.ts")).sinksRetry,
  "log verify": async () => (await import("./commands/log.ts")).logVerify,
  "log repair": async () => (await import("./commands/log.ts")).logRepair,
  "bench agent": async () => (await import("./commands/bench-agent.ts")).benchAgent,
  "bench calibrate": async () => (await import("./commands/bench-calibrate.ts")).benchCalibrate,
  "bench kv": async () => (await import("./commands/bench-kv.ts")).benchKv,
  "bench pubsub": async () => (await import("./commands/bench-pubsub.ts")).benchPubsub,
  "bench run": async () => (await import("./commands/bench-run.ts")).benchRun,
  "bench structures": async () => (await import("./commands/bench-structures.ts")).benchStructures,
  "bench ycsb": async () => (await import("./commands/bench-ycsb.ts")).benchYcsb,
  verify: async () => (await import("./commands/verify.ts")).verify,
  "bench compare": async () => (await import("./commands/bench-compare.ts")).benchCompare,
  "bench demo": async () => (await import("./commands/bench-demo.ts")).benchDemo,
  "bench report": async () => (await import("./commands/bench-report.ts")).benchReport,
  "bench gate": async () => (await import("./commands/bench-gate.ts")).benchGate,
};

export async function loadAll(): Promise<readonly Command[]> {
  return await Promise.all(Object.values(COMMAND_LIST).map((load) => load()));
}
