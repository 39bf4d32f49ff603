/** What the machine is doing: `GET /v1/status`. */
import { type FastifyInstance } from "fastify";
import { type Door } from "../door.ts";
import {
  type ServedCheckpoint,
  type ServedDataset,
  type ServedSink,
  type ServedWindow,
} from "../rooms.ts";
import { replayBody } from "./replays.ts";
import { isoTime, isoTimeOrNull } from "../time-text.ts";
import { parametersOf } from "../url-parameters.ts";
import { backfillBody } from "./backfills.ts";

export function statusRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/status", (request, reply) => {
    parametersOf(request, []);
    const { engine, ingest } = door.rooms;
    const status = engine.status();
    return reply.header("cache-control", "no-store").send({
      name: door.plan.name,
      version: door.version,
      fingerprint: door.plan.fingerprint,
      state: status.state,
      startedAt: door.startedAt.toISOString(),
      uptimeMs: Math.round(performance.now() - door.startedMs),
      appliedPosition: status.appliedPosition,
      queuedEntries: status.queuedEntries,
      pendingBytes: ingest.pendingBytes,
      memoryRows: status.memoryRows,
      memoryBytes: status.memoryBytes,
      log: status.log,
      lastCheckpoint: status.lastCheckpoint === null ? null : checkpointBody(status.lastCheckpoint),
      checkpointRunning: status.checkpointRunning,
      diskFull: status.diskFull,
      recovered: { ...status.recovered, elapsedMs: Math.round(status.recovered.elapsedMs) },
      datasets: status.datasets.map(datasetBody),
      windows: status.windows.map(windowBody),
      backfills: door.rooms.backfills
        .list()
        .filter(({ state }) => state === "running" || state === "failed")
        .map(backfillBody),
      alerts: door.rooms.alarms
        .list()
        .map(({ name, on, pending, firing }) => ({ name, on, pending, firing })),
      replays: door.rooms.replays.list().map(replayBody),
      sinks: door.rooms.sinks.status().map(sinkBody),
      sources: door.rooms.sources?.() ?? [],
      process: {
        pid: process.pid,
        node: process.versions.node,
        rssBytes: process.memoryUsage.rss(),
      },
    });
  });
}

export function checkpointBody({ createdAtUs, ...checkpoint }: ServedCheckpoint): object {
  return {
    ...checkpoint,
    createdAt: isoTime(createdAtUs),
    elapsedMs: Math.round(checkpoint.elapsedMs),
    pauseMs: Math.round(checkpoint.pauseMs),
  };
}

export function datasetBody({
  watermarkUs,
  watermarkAgeMs,
  producers,
  ...dataset
}: ServedDataset): object {
  return {
    ...dataset,
    watermark: isoTimeOrNull(watermarkUs),
    watermarkAgeMs: watermarkAgeMs === null ? null : Math.round(watermarkAgeMs),
    producers: producers.map(({ name, newestUs, lastReceivedUs, isIdle }) => ({
      name,
      newest: isoTime(newestUs),
      lastReceived: isoTime(lastReceivedUs),
      isIdle,
    })),
  };
}

export function windowBody({ closedUntilUs, ...window }: ServedWindow): object {
  return { ...window, closedUntil: isoTimeOrNull(closedUntilUs) };
}

export function sinkBody({ lagMs, ...sink }: ServedSink): object {
  return { ...sink, lagMs: Math.round(lagMs) };
}
