/** JSON Schemas of a dataset's rows, as they come in and as they go out. */
import { type ColumnPlan, type ColumnType, type DatasetPlan } from "../plan/plan.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const INTEGER_TEXT = { type: "string", pattern: "^-?[0-9]+$" };
const NUMBER_TEXT = { type: "string", pattern: "^[-+]?[0-9.eE+-]+$" };

/** A column with a default, or a nullable one, may be left out. */
export function rowInSchema({ name, columns }: Pick<DatasetPlan, "name" | "columns">): JsonSchema {
  const required = columns.filter((one) => !one.nullable && !hasDefault(one));
  return {
    type: "object",
    title: `A row for ${name}`,
    properties: Object.fromEntries(columns.map((column) => [column.name, columnIn(column)])),
    ...(required.length === 0 ? {} : { required: required.map((column) => column.name) }),
  };
}

export function rowOutSchema({ name, columns }: Pick<DatasetPlan, "name" | "columns">): JsonSchema {
  return {
    type: "object",
    title: `A row of ${name}`,
    properties: Object.fromEntries(
      columns.map((column) => [column.name, nullable(valueOut(column.type), column.nullable)]),
    ),
    required: columns.map((column) => column.name),
  };
}

function columnIn(column: ColumnPlan): JsonSchema {
  const schema = nullable(valueIn(column), column.nullable || hasDefault(column));
  return column.default === undefined ? schema : { ...schema, default: column.default };
}

function hasDefault(column: ColumnPlan): boolean {
  return column.default !== undefined || column.received === true;
}

function nullable(schema: JsonSchema, isNullable: boolean): JsonSchema {
  return isNullable ? { anyOf: [schema, { type: "null" }] } : schema;
}

function valueIn(column: ColumnPlan): JsonSchema {
  const { type } = column;
  switch (type.kind) {
    case "boolean":
      return { type: "boolean" };
    case "int32":
    case "int64":
      return { type: "integer", format: type.kind };
    case "float64":
      return { type: "number", format: "double" };
    case "decimal":
      return { type: "number", description: `${decimalText(type)} All digits count.` };
    case "text":
      return { type: "string" };
    case "timestamp":
      return timestampIn(column);
    case "date":
      return { type: "string", format: "date" };
    case "json":
      return { description: "Any JSON value." };
  }
}

function timestampIn({ zone, unit }: ColumnPlan): JsonSchema {
  const text =
    zone === undefined
      ? { type: "string", format: "date-time" }
      : { type: "string", description: `ISO 8601; without an offset it is in ${zone}.` };
  if (unit === undefined) return text;
  return { anyOf: [text, { type: "integer", description: `${unit} since 1970-01-01 UTC` }] };
}

/** As JSON results write values: exact, so what a JSON number cannot hold is text. */
function valueOut(type: ColumnType): JsonSchema {
  switch (type.kind) {
    case "boolean":
      return { type: "boolean" };
    case "int32":
      return { type: "integer", format: "int32" };
    case "int64":
      return {
        anyOf: [{ type: "integer" }, INTEGER_TEXT],
        description: "Text beyond 2^53.",
      };
    case "float64":
      return {
        anyOf: [
          { type: "number", format: "double" },
          { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
        ],
      };
    case "decimal":
      return { ...NUMBER_TEXT, description: decimalText(type) };
    case "text":
      return { type: "string" };
    case "timestamp":
      return { type: "string", format: "date-time", description: "UTC, microseconds." };
    case "date":
      return { type: "string", format: "date" };
    case "json":
      return { type: "string", contentMediaType: "application/json" };
  }
}

function decimalText(type: { readonly precision: number; readonly scale: number }): string {
  return `${type.precision} digits, ${type.scale} of them after the point.`;
}
