/** What streams and windows are both written with: a condition, and expressions under names. */
import { type Expression } from "./expression.ts";
import { checkColumnName } from "./names.ts";
import { type NamedExpression } from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { isRecord } from "./resolve-dataset.ts";
import {
  asCondition,
  resolveColumn,
  resolveExpression,
  type RowScope,
} from "./resolve-expression.ts";

export function resolveWhere(
  value: unknown,
  scope: RowScope,
  problems: Problems,
): Expression | undefined {
  if (value === undefined) return undefined;
  const expression = resolveExpression(value, scope, problems);
  return expression && asCondition(expression, problems);
}

export interface NamedRules {
  readonly most: number;
  /** Shown to who writes neither a list nor an object. */
  readonly example: string;
  /** Tells why an expression cannot stand here, and that it cannot. Default: all can. */
  readonly isAllowed?: (expression: Expression, at: Problems) => boolean;
}

type NamedEntry = readonly [name: string, written: unknown, at: Problems];

/** Of a list, names that stand for themselves; of an object, its entries; null for neither. */
export function namedEntries(value: unknown, problems: Problems): readonly NamedEntry[] | null {
  if (Array.isArray(value))
    return (value as unknown[]).map((one, index) => [String(one), one, problems.at(`[${index}]`)]);
  if (!isRecord(value)) return null;
  return Object.entries(value).map(([name, one]) => [name, one, problems.at(name)]);
}

/** A list of column names, or names with what they stand for. */
export function resolveNamed(
  value: unknown,
  scope: RowScope,
  problems: Problems,
  { most, example, isAllowed = () => true }: NamedRules,
): readonly NamedExpression[] {
  const isList = Array.isArray(value);
  const entries = namedEntries(value, problems);
  if (entries === null) {
    problems.add(show(value), "column names, or an object of expressions", example);
    return [];
  }
  if (entries.length > most) {
    problems.add(`${entries.length} columns`, `at most ${most}`, "leave some out");
    return [];
  }
  return entries.flatMap(([name, written, at]) => {
    const isName = isList || checkColumnName(name, at);
    const expression =
      isList || typeof written === "string"
        ? resolveColumn(written, scope, at)
        : resolveExpression(written, scope, at);
    if (!isName || expression === undefined || !isAllowed(expression, at)) return [];
    return [{ name, type: expression.type, expression }];
  });
}
