/** A sink that writes points to InfluxDB. */
import { type Fields } from "../fields.ts";
import { type Problems, show } from "../problem.ts";
import { httpAddress } from "./http-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

/** Where points go: a database of the first version, or a bucket of the second. */
export type InfluxTarget =
  | {
      readonly version: 1;
      readonly database: string;
      readonly retentionPolicy: string | null;
    }
  | { readonly version: 2; readonly org: string; readonly bucket: string };

export interface InfluxdbPlan extends SinkBase {
  readonly kind: "influxdb";
  readonly url: SecretTextPlan;
  readonly target: InfluxTarget;
  readonly token: SecretTextPlan | null;
  readonly user: SecretTextPlan | null;
  readonly password: SecretTextPlan | null;
  readonly measurement: string;
  /** Columns; null: those of the key. */
  readonly tags: readonly string[] | null;
  readonly mayOverwrite: boolean;
  readonly decimals: "float" | "string";
  readonly batch: number;
  readonly timeoutUs: number;
  readonly allowPrivateAddresses: boolean;
}

const MAX_BATCH = 20_000;

export const resolveInfluxdb: ResolveSink<InfluxdbPlan> = (readBase, fields) => {
  const base = readBase("earliest");
  const address = httpAddress(fields, '"https://influx.example.com:8086"');
  const measurement = fields.text("measurement", '"bars"', base.from.replaceAll(".", "_"));
  checkMeasurement(measurement, fields.raw("measurement").problems);
  const hasTags = fields.raw("tags").value !== undefined;
  return {
    kind: "influxdb",
    ...base,
    ...address,
    target: resolveTarget(fields),
    token: fields.secretTextOrNull("token", 'secret("INFLUX_TOKEN")'),
    user: fields.secretTextOrNull("user", '"writer"'),
    password: fields.secretTextOrNull("password", 'secret("INFLUX_PASSWORD")'),
    measurement,
    tags: hasTags ? fields.texts("tags", '["symbol"]') : null,
    mayOverwrite: fields.isTrue("mayOverwrite"),
    decimals: fields.choice("decimals", ["float", "string"], "float"),
    batch: fields.count("batch", 5000, { from: 1, to: MAX_BATCH }),
    timeoutUs: fields.durationUs("timeout", "30s"),
  };
};

function resolveTarget(fields: Fields): InfluxTarget {
  const database = fields.text("database", '"metrics"', null);
  const retentionPolicy = fields.text("retentionPolicy", '"autogen"', null);
  const org = fields.text("org", '"team"', null);
  const bucket = fields.text("bucket", '"metrics"', null);
  const { problems } = fields.raw("database");
  if (database !== null && org === null && bucket === null)
    return { version: 1, database, retentionPolicy };
  if (database === null && org !== null && bucket !== null && retentionPolicy === null)
    return { version: 2, org, bucket };
  problems.add("another choice of them", "database, or org and bucket", 'database: "metrics"');
  return { version: 2, org: "", bucket: "" };
}

/** What begins with `#` would be a comment, and a backslash cannot be told from an escape. */
function checkMeasurement(name: string, problems: Problems): void {
  // oxlint-disable-next-line no-control-regex -- a line break ends a point
  if (!/^#|[\u0000-\u001F\\]/.test(name)) return;
  problems.add(show(name), "a name without #, backslash and line breaks", '"bars"');
}
