/** What there is to read: `GET /v1/datasets` and `GET /v1/datasets/{name}`. */
import { type FastifyInstance } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { type ColumnType, type DatasetPlan } from "../../plan/plan.ts";
import { type Door } from "../door.ts";
import { parametersOf } from "../url-parameters.ts";
import { datasetBody, windowBody } from "./status.ts";

export function datasetRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/datasets", (request, reply) => {
    parametersOf(request, []);
    const { relations } = door.rooms.engine;
    const datasets = relations.names().flatMap((name) => {
      const plan = relations.planOf(name);
      return plan === undefined ? [] : [described(plan, door)];
    });
    return reply.header("cache-control", "no-store").send({ datasets });
  });

  app.get<{ Params: { name: string } }>("/v1/datasets/:name", (request, reply) => {
    parametersOf(request, []);
    const { name } = request.params;
    const { relations } = door.rooms.engine;
    const plan = relations.planOf(name);
    if (plan === undefined) {
      throw new KurobeError(
        "KRB_QUERY_UNKNOWN_RELATION",
        `there is no dataset ${JSON.stringify(name.slice(0, 80))}`,
        { hint: `There are: ${relations.names().join(", ")}.` },
      );
    }
    return reply.header("cache-control", "no-store").send(described(plan, door));
  });
}

/**
 * `kind` is dataset, stream, window, alert, dead_letters or late_rows; `status` is there for two.
 */
function described(plan: DatasetPlan, door: Door): object {
  const status = door.rooms.engine.status();
  const dataset = status.datasets.find((one) => one.name === plan.name);
  const window = status.windows.find((one) => one.name === plan.name);
  const { streams, alerts } = door.plan;
  const is = (list: readonly { readonly name: string }[]): boolean =>
    list.some((one) => one.name === plan.name);
  const side = plan.name.slice(plan.name.lastIndexOf(".") + 1);
  const other = is(streams) ? "stream" : is(alerts) ? "alert" : side;
  return {
    name: plan.name,
    kind: dataset !== undefined ? "dataset" : window !== undefined ? "window" : other,
    eventTime: plan.eventTime,
    key: plan.key,
    columns: plan.columns.map(({ name, type, nullable }) => ({
      name,
      type: typeText(type),
      nullable,
    })),
    ...(dataset === undefined ? {} : { status: datasetBody(dataset) }),
    ...(window === undefined ? {} : { status: windowBody(window) }),
  };
}

function typeText(type: ColumnType): string {
  return type.kind === "decimal" ? `decimal(${type.precision},${type.scale})` : type.kind;
}
