/** Which types turn into which, and what is lost on the way. */
import {
  castNode,
  constantNode,
  operandOf,
  placeOf,
  type Call,
  type TypedNode,
} from "./operands.ts";
import { parseTypeName, typeName } from "./column-type.ts";
import { type ColumnType } from "./plan.ts";
import { didYouMean, show } from "./problem.ts";

type Kind = ColumnType["kind"];

const ANY_NUMBER: readonly Kind[] = ["int32", "int64", "float64", "decimal"];

/** What each type can turn into, besides itself. A value that does not fit becomes null. */
const CASTS: Readonly<Record<Kind, readonly Kind[]>> = {
  boolean: ["int32", "int64", "text"],
  int32: [...ANY_NUMBER, "text"],
  int64: [...ANY_NUMBER, "text"],
  float64: ANY_NUMBER,
  decimal: [...ANY_NUMBER, "text"],
  text: ["boolean", ...ANY_NUMBER, "date", "timestamp"],
  timestamp: ["date", "text"],
  date: ["timestamp", "text"],
  json: ["text"],
};

const ALL_KINDS = Object.keys(CASTS) as Kind[];

export function castRule(call: Call): TypedNode | undefined {
  const target = targetType(call);
  if (target === undefined) return undefined;
  const [operand] = call.operands;
  if (operand?.kind === "constant") {
    const constant = operand.value === null ? undefined : constantNode(target, operand.value);
    if (constant !== undefined) return constant;
  }
  const node = operandOf(call, 0, ALL_KINDS, "a value", 'col("x").cast("text")');
  if (node === undefined) return undefined;
  const { kind } = node.type;
  if (kind !== target.kind && !CASTS[kind].includes(target.kind)) {
    const targets = CASTS[kind].join(", ");
    const path = placeOf(call, 1);
    return path.add(typeName(target), `a type that ${kind} turns into`, `one of ${targets}`);
  }
  return castNode(node, target);
}

function targetType(call: Call): ColumnType | undefined {
  const operand = call.operands[1];
  const value = operand?.kind === "constant" ? operand.value : undefined;
  const type = typeof value === "string" ? parseTypeName(value) : undefined;
  if (type !== undefined) return type;
  const hint = typeof value === "string" ? didYouMean(value, ALL_KINDS) : '"int64"';
  return placeOf(call, 1).add(show(value), 'a type such as "int64" or "decimal(18, 4)"', hint);
}
