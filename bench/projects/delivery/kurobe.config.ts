/** One sink, chosen by the variable SINK; TO is where it delivers to. */
import {
  clickhouse,
  dataset,
  defineProject,
  elasticsearch,
  file,
  influxdb,
  postgres,
  redis,
  secret,
  type SinkDefinition,
  webhook,
} from "kurobe";
import { TICKS } from "../ticks.ts";

// A key, so that what keeps rows keeps each of them under its own.
const ticks = dataset({ ...TICKS, key: ["symbol", "ts"] });

const HERE = { from: ticks, url: secret("TO"), allowPrivateAddresses: true } as const;
const DATABASE = { from: ticks, url: secret("TO"), createTable: true } as const;

const SINKS: Readonly<Record<string, () => SinkDefinition>> = {
  webhook: () => webhook({ ...HERE, start: "earliest" }),
  "webhook-100": () => webhook({ ...HERE, start: "earliest", batch: 100 }),
  file: () => file({ from: ticks, directory: process.env["TO"] ?? "" }),
  postgres: () => postgres(DATABASE),
  redis: () => redis({ from: ticks, url: secret("TO") }),
  influxdb: () => influxdb({ ...HERE, database: "bench" }),
  clickhouse: () => clickhouse(DATABASE),
  elasticsearch: () => elasticsearch(HERE),
};

const chosen = SINKS[process.env["SINK"] ?? ""];

export default defineProject({
  name: "delivery",
  datasets: { ticks },
  sinks: chosen === undefined ? {} : { out: chosen() },
});
