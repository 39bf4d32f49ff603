/** What the engine says of itself when it is asked. */
import { type EngineStatus, type ProducerStatus } from "./engine.ts";
import { type EngineParts } from "./running-engine.ts";
import { deadLettersOf, lateRowsOf } from "./stored-tables.ts";

/** What only the running engine knows. */
export type Running = Pick<EngineStatus, "state" | "queuedEntries" | "diskFull">;

/** What the stage of the windows tells of itself: times are microseconds as text. */
interface WindowsStatus {
  readonly datasets: Readonly<
    Record<
      string,
      {
        readonly producers: readonly {
          readonly name: string;
          readonly maxUs: string;
          readonly lastReceivedUs: string;
          readonly isIdle: boolean;
        }[];
      }
    >
  >;
  readonly windows: Readonly<
    Record<
      string,
      {
        readonly published: number;
        readonly corrected: number;
        readonly closedUntilUs: string | null;
        readonly open: number;
      }
    >
  >;
}

/** A project may have a producer a device: only so many are told of, the slowest first. */
const SHOWN_PRODUCERS = 100;

export function engineStatus(parts: EngineParts, running: Running): EngineStatus {
  const { plan, writer, tables, counters, log, records, checkpointer, recovered, stages } = parts;
  const told = stages.find((stage) => stage.name === "windows")?.status();
  const { datasets, windows } = (told ?? { datasets: {}, windows: {} }) as unknown as WindowsStatus;
  const nowUs = parts.clock.nowUs();
  const logStats = log.stats();
  return {
    ...running,
    appliedPosition: writer.appliedPosition,
    memoryRows: [...tables.values()].reduce(
      (sum, table) => sum + table.memoryRows + table.frozenRows,
      0,
    ),
    memoryBytes: writer.bytesSinceFreeze,
    lastCheckpoint: records.last,
    checkpointRunning: checkpointer.isRunning,
    recovered,
    datasets: plan.datasets.map(({ name }) => {
      const table = tables.get(name);
      const chunks = table?.chunks ?? [];
      const watermarkUs = parts.ticking.watermarkUs(name);
      const producers = datasets[name]?.producers ?? [];
      return {
        name,
        ...counters.of(name),
        storedRows:
          (table?.memoryRows ?? 0) +
          (table?.frozenRows ?? 0) +
          chunks.reduce((sum, chunk) => sum + chunk.rows, 0),
        chunks: chunks.length,
        chunkBytes: chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
        watermarkUs,
        watermarkAgeMs: watermarkUs === null ? null : Number(nowUs - watermarkUs) / 1000,
        producers: producers.map(producerStatus).sort(bySlowest).slice(0, SHOWN_PRODUCERS),
        deadLetters: tables.get(deadLettersOf(name))?.waitingRows ?? 0,
        lateRows: tables.get(lateRowsOf(name))?.waitingRows ?? 0,
      };
    }),
    windows: plan.windows.map(({ name, from }) => {
      const one = windows[name];
      const closedUntilUs = one?.closedUntilUs ?? null;
      return {
        name,
        from,
        published: one?.published ?? 0,
        corrected: one?.corrected ?? 0,
        open: one?.open ?? 0,
        closedUntilUs: closedUntilUs === null ? null : BigInt(closedUntilUs),
      };
    }),
    log: {
      segments: logStats.segments,
      bytes: logStats.sizeBytes,
      syncs: logStats.fsyncs,
      firstPosition: log.firstPosition,
      nextPosition: log.nextPosition,
    },
  };
}

function producerStatus(
  one: WindowsStatus["datasets"][string]["producers"][number],
): ProducerStatus {
  return {
    name: one.name,
    newestUs: BigInt(one.maxUs),
    lastReceivedUs: BigInt(one.lastReceivedUs),
    isIdle: one.isIdle,
  };
}

function bySlowest(a: ProducerStatus, b: ProducerStatus): number {
  if (a.isIdle !== b.isIdle) return a.isIdle ? 1 : -1;
  return a.newestUs < b.newestUs ? -1 : 1;
}
