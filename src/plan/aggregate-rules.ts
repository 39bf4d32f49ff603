/** What each aggregate takes and gives. */
import { PLAIN_TYPES, typeName } from "./column-type.ts";
import { type AggregateFunction, type Expression } from "./expression.ts";
import { type ColumnType } from "./plan.ts";
import { didYouMean, type Problems } from "./problem.ts";

/**
 * Digits after the point of what may be summed: the fractions of ten billion rows still fit into 38
 * digits, so a sum never fails in the middle of a window.
 */
const MAX_SUM_SCALE = 28;

type Rule = (argument: Expression, problems: Problems) => ColumnType | undefined;

const RULES: Readonly<Record<AggregateFunction, Rule>> = {
  count: () => PLAIN_TYPES.int64,
  countDistinct: (argument, problems) => ordered(argument, problems) && PLAIN_TYPES.int64,
  approxCountDistinct: (argument, problems) => ordered(argument, problems) && PLAIN_TYPES.int64,
  sum: (argument, problems) => {
    const type = summable(argument, problems);
    if (type?.kind === "decimal") return { kind: "decimal", precision: 38, scale: type.scale };
    return type?.kind === "int32" ? PLAIN_TYPES.int64 : type;
  },
  avg: (argument, problems) => summable(argument, problems) && PLAIN_TYPES.float64,
  min: ordered,
  max: ordered,
  first: (argument) => argument.type,
  last: (argument) => argument.type,
  quantile: (argument, problems) => numeric(argument, problems) && PLAIN_TYPES.float64,
  approxQuantile: (argument, problems) => numeric(argument, problems) && PLAIN_TYPES.float64,
  top: (argument, problems) => ordered(argument, problems) && PLAIN_TYPES.json,
};

const NAMES = Object.keys(RULES) as AggregateFunction[];

export function aggregateType(
  written: string,
  argument: Expression | null,
  problems: Problems,
): { readonly function: AggregateFunction; readonly type: ColumnType } | undefined {
  const name = NAMES.find((one) => one === written);
  if (name === undefined) {
    return problems.add(`the aggregate ${written}`, NAMES.join(", "), didYouMean(written, NAMES));
  }
  if (argument === null && name !== "count") {
    return problems.add("no argument", "a column or an expression", `${name}("price")`);
  }
  const type = argument === null ? PLAIN_TYPES.int64 : RULES[name](argument, problems);
  return type && { function: name, type };
}

function ordered({ type }: Expression, problems: Problems): ColumnType | undefined {
  if (type.kind !== "json") return type;
  return problems.add(
    "json",
    "a type that can be compared",
    "store the value in a column of its own",
  );
}

function summable({ type }: Expression, problems: Problems): ColumnType | undefined {
  switch (type.kind) {
    case "int32":
    case "int64":
    case "float64":
      return type;
    case "decimal":
      if (type.scale <= MAX_SUM_SCALE) return type;
      return problems.add(
        typeName(type),
        `at most ${MAX_SUM_SCALE} digits after the point, so that the sum has room`,
        '.cast("decimal(38, 18)")',
      );
    default:
      return numeric({ type }, problems);
  }
}

function numeric({ type }: Pick<Expression, "type">, problems: Problems): ColumnType | undefined {
  if (["int32", "int64", "float64", "decimal"].includes(type.kind)) return type;
  return problems.add(typeName(type), "a number", 'convert it, as in .cast("float64")');
}
