/** What a changed column means for the values that are stored already. */
import { decimalShape, isSameType, typeName } from "./column-type.ts";
import { canonicalJson } from "./fingerprint.ts";
import { type ColumnPlan, type ColumnType } from "./plan.ts";

export interface ColumnChange {
  readonly kind: "keep" | "add" | "destructive" | "impossible";
  readonly reason: string;
}

/** Undefined where nothing changes. At least one of the two is there. */
export function columnChange(
  before: ColumnPlan | undefined,
  after: ColumnPlan | undefined,
): ColumnChange | undefined {
  if (after === undefined) return { kind: "destructive", reason: "it is removed with its values" };
  if (before === undefined) return addedColumn(after);
  if (!isSameType(before.type, after.type)) {
    const types = `${typeName(before.type)} becomes ${typeName(after.type)}`;
    return holdsAll(after.type, before.type)
      ? { kind: "keep", reason: `${types}: stored values are the same in it` }
      : { kind: "destructive", reason: `${types}: stored values that do not fit become null` };
  }
  if (before.nullable && !after.nullable) {
    return {
      kind: "keep",
      reason: "stored nulls stay; rows that come in from now on have a value",
    };
  }
  return canonicalJson(before) === canonicalJson(after)
    ? undefined
    : { kind: "keep", reason: "applies to rows that come in from now on" };
}

function addedColumn(column: ColumnPlan): ColumnChange {
  if (column.default !== undefined) return { kind: "add", reason: "stored rows take its default" };
  if (column.nullable) return { kind: "add", reason: "stored rows have null there" };
  const reason = "stored rows have no value for it: make it nullable, or give a default";
  return { kind: "impossible", reason };
}

/** Whether every value of `narrow` is exactly the same number in `wide`. */
function holdsAll(wide: ColumnType, narrow: ColumnType): boolean {
  if (wide.kind === "float64") return narrow.kind === "int32";
  if (wide.kind === "int64") return narrow.kind === "int32";
  if (wide.kind !== "decimal") return false;
  const shape = decimalShape(narrow);
  if (shape === undefined) return false;
  const wholeDigits = wide.precision - wide.scale;
  return wide.scale >= shape.scale && wholeDigits >= shape.precision - shape.scale;
}
