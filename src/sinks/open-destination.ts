/** Opens what knows how to reach the receiver of one sink. A kind is loaded when a sink has it. */
import { type Clock } from "../core/clock.ts";
import { KurobeError } from "../core/errors.ts";
import { type Engine } from "../engine/engine.ts";
import { type SinkPlan } from "../plan/plan.ts";
import { type Destination, type DestinationDeps, revealFrom } from "./destination.ts";
import { type FileSink } from "./file-sink.ts";
import { type Outbox } from "./outbox.ts";
import { type Paces } from "./pace.ts";

interface OpeningDeps {
  readonly engine: Engine;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly paces: Paces;
}

/** Nothing is connected yet; what is wrong with the settings or a missing client is said here. */
export async function openDestination(
  sink: SinkPlan,
  deps: OpeningDeps,
): Promise<Destination | FileSink> {
  const own = destinationDeps(sink, deps);
  switch (sink.kind) {
    case "clickhouse":
      return await (await import("./clickhouse.ts")).openClickHouse(sink, own);
    case "file": {
      const { engine, outbox, folder } = deps;
      const { FileSink } = await import("./file-sink.ts");
      return new FileSink(sink, { engine, folder, epoch: outbox.epochOf(sink.from) });
    }
    case "elasticsearch":
      return (await import("./elasticsearch.ts")).openElasticsearch(sink, own);
    case "influxdb":
      return (await import("./influxdb.ts")).openInfluxdb(sink, own);
    case "postgres":
      return await (await import("./postgres.ts")).openPostgres(sink, own);
    case "email":
      return await (await import("./email.ts")).openEmail(sink, own);
    case "slack":
      return (await import("./slack.ts")).openSlack(sink, own);
    case "redis":
      return await (await import("./redis.ts")).openRedis(sink, own);
    case "webhook":
      return (await import("./webhook.ts")).openWebhook(sink, own);
  }
}

function destinationDeps(sink: SinkPlan, deps: OpeningDeps): DestinationDeps {
  const { engine, clock, environment, paces, folder } = deps;
  const relation = engine.relations.planOf(sink.from);
  if (relation === undefined)
    throw new KurobeError("KRB_CORE_ASSERTION", `no relation ${sink.from} for ${sink.name}`);
  const isResult = engine.plan.windows.some(({ name }) => name === sink.from);
  return {
    project: engine.plan.name,
    alert: engine.plan.alerts.find(({ name }) => name === sink.from) ?? null,
    relation,
    canDelete: isResult || sink.from.endsWith(".dead_letters"),
    paces,
    folder,
    reveal: revealFrom(environment),
    nowMs: () => Number(clock.nowUs() / 1000n),
  };
}
