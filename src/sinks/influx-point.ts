/** Writes rows as InfluxDB's line protocol, to the microsecond; what it cannot say is refused. */
import { KurobeError } from "../core/errors.ts";
import { type JsonCell } from "../engine/engine.ts";
import { type ColumnPlan, type DatasetPlan } from "../plan/plan.ts";
import { type InfluxdbPlan } from "../plan/sinks/influxdb.ts";
import { type Delivery } from "./delivery.ts";

export interface PointWriter {
  /** One line without its end. KRB_SINKS_REJECTED for what the protocol cannot say. */
  lineOf(delivery: Delivery): string;
  /** Measurement, tags and time: what a point is replaced by. */
  placeOf(delivery: Delivery): PointPlace;
}

export interface PointPlace {
  /** In the order of their names; `""` where the row has none. */
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** Since 1970. */
  readonly timeUs: number;
}

/** KRB_SINKS_POINTS when rows of different keys would become the same point. */
export function pointWriter(
  plan: Pick<InfluxdbPlan, "name" | "measurement" | "tags" | "mayOverwrite" | "decimals">,
  relation: DatasetPlan,
): PointWriter {
  const tags = tagsOf(plan, relation);
  const fields = relation.columns.filter(
    ({ name }) => name !== relation.eventTime && !tags.includes(name),
  );
  checkFields(plan.name, fields);
  const measurement = plan.measurement.replaceAll(/[, ]/g, "\\$&");
  const placeOf = ({ row }: Delivery): PointPlace => ({
    tags: tags.map((name) => [name, tagText(plan.name, name, row[name] ?? null)]),
    timeUs: microsecondsOf(plan.name, row[relation.eventTime]),
  });
  return {
    placeOf,
    lineOf: (delivery) => {
      const place = placeOf(delivery);
      const own = fields.flatMap((column) => {
        const text = fieldText(plan, column, delivery.row[column.name] ?? null);
        return text === null ? [] : [`${escaped(column.name)}=${text}`];
      });
      if (own.length === 0) throw refused(plan.name, "a point needs a field that is not null");
      const set = place.tags
        .filter(([, value]) => value !== "")
        .map(([name, value]) => `,${escaped(name)}=${escaped(value)}`);
      return `${measurement}${set.join("")} ${own.join(",")} ${place.timeUs}`;
    },
  };
}

function tagsOf(
  { name, tags, mayOverwrite }: Parameters<typeof pointWriter>[0],
  { columns, key, eventTime }: DatasetPlan,
): readonly string[] {
  const own = tags ?? key.filter((column) => column !== eventTime);
  const unknown = own.filter((tag) => columns.every((column) => column.name !== tag));
  if (unknown.length > 0 || own.includes(eventTime)) {
    const wrong = unknown.length > 0 ? unknown.join(", ") : eventTime;
    throw new KurobeError("KRB_SINKS_POINTS", `sink ${name}: ${wrong} cannot be a tag`, {
      hint: "Tags are columns of what the sink delivers, but not its time.",
    });
  }
  const untold = key.filter((column) => column !== eventTime && !own.includes(column));
  if (!mayOverwrite && (key.length === 0 || untold.length > 0)) {
    const reason = key.length === 0 ? "it has no key" : `${untold.join(", ")} is no tag`;
    throw new KurobeError(
      "KRB_SINKS_POINTS",
      `sink ${name}: rows of equal tags and time would be one point, because ${reason}`,
    );
  }
  return own.toSorted((a, b) => (a < b ? -1 : 1));
}

/** InfluxDB calls the timestamp so, and refuses a field of that name. */
function checkFields(sink: string, fields: readonly ColumnPlan[]): void {
  if (fields.every(({ name }) => name !== "time")) return;
  throw new KurobeError("KRB_SINKS_POINTS", `sink ${sink}: a field cannot be called time`, {
    hint: "Make it the event time, or give the column another name.",
  });
}

/** Text of tags and of names: a backslash before one of these would be taken for an escape. */
function escaped(text: string): string {
  return text.replaceAll(/[,= ]/g, "\\$&");
}

// oxlint-disable-next-line no-control-regex -- a line break ends a point
const UNSAYABLE_TAG = /[\n\r\u0000]|\\[,= ]|\\$/;

function tagText(sink: string, name: string, value: JsonCell): string {
  const text = value === null ? "" : String(value);
  if (!UNSAYABLE_TAG.test(text)) return text;
  throw refused(
    sink,
    `the tag ${name} cannot hold ${JSON.stringify(text.slice(0, 100))}: the protocol has no line ` +
      "breaks in tags, and no backslash before a comma, a space, = or the end",
  );
}

function fieldText(
  { name: sink, decimals }: Parameters<typeof pointWriter>[0],
  { name, type }: ColumnPlan,
  value: JsonCell,
): string | null {
  if (value === null) return null;
  switch (type.kind) {
    case "boolean":
      return String(value);
    case "int32":
    case "int64":
      return `${value}i`;
    case "float64":
      if (typeof value === "number") return String(value);
      throw refused(sink, `the field ${name} cannot hold ${value}`);
    case "decimal":
      return decimals === "float" ? String(value) : quoted(String(value));
    default:
      return quoted(String(value));
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(\d{3})Z$/;

function microsecondsOf(sink: string, value: JsonCell | undefined): number {
  const [, millisecond = "", micros = ""] = TIME.exec(String(value)) ?? [];
  const ms = Date.parse(`${millisecond}Z`);
  if (Number.isNaN(ms)) throw refused(sink, `${String(value)} is no time that a point can have`);
  return ms * 1000 + Number(micros);
}

function refused(sink: string, reason: string): KurobeError {
  return new KurobeError("KRB_SINKS_REJECTED", `sink ${sink}: ${reason}`);
}
