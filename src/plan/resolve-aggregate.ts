/** Checks what some aggregates are told beside their argument. */
import { type AggregateOptions } from "../project/expression.ts";
import { type Aggregate, type AggregateFunction, type ColumnExpression } from "./expression.ts";
import { checkNoTwins } from "./names.ts";
import { type ColumnPlan } from "./plan.ts";
import { didYouMean, type Problems, show } from "./problem.ts";

const MAX_TOP = 1000;
const MAX_TOP_COLUMNS = 32;
/** Of every row that `top` gives. */
const OWN_NAMES = ["rank", "value"];

type Told = Pick<Extract<Aggregate, { readonly kind: "aggregate" }>, "probability" | "top">;

/** Undefined where a problem was reported. */
export function resolveOptions(
  name: AggregateFunction,
  options: AggregateOptions,
  columns: readonly ColumnPlan[],
  problems: Problems,
): Told | undefined {
  switch (name) {
    case "quantile":
    case "approxQuantile": {
      const { probability } = options;
      if (typeof probability === "number" && probability >= 0 && probability <= 1) {
        return { probability };
      }
      return problems.add(show(probability), "a share from 0 to 1", `${name}("price", 0.99)`);
    }
    case "top":
      return resolveTop(options, columns, problems);
    default:
      return {};
  }
}

function resolveTop(
  { n, columns: written }: AggregateOptions,
  columns: readonly ColumnPlan[],
  problems: Problems,
): Told | undefined {
  const before = problems.list.length;
  const isNumber = typeof n === "number" && Number.isInteger(n) && n >= 1 && n <= MAX_TOP;
  if (!isNumber) problems.add(show(n), `a number of rows, 1 to ${MAX_TOP}`, 'top(10, "price")');
  if (!Array.isArray(written) || written.length > MAX_TOP_COLUMNS) {
    const hint = 'top(10, "price", ["symbol"])';
    return problems.add(show(written), `names of at most ${MAX_TOP_COLUMNS} columns`, hint);
  }
  const shown = written.flatMap((name: unknown, index): readonly ColumnExpression[] => {
    const at = problems.at(`columns[${index}]`);
    const found = columns.find((one) => one.name === name);
    const names = columns.map((one) => one.name);
    if (found === undefined) {
      at.add(show(name), "the name of a column", didYouMean(String(name), names));
      return [];
    }
    if (OWN_NAMES.includes(found.name.toLowerCase())) {
      at.add(show(name), "another name: every row has a rank and a value", "leave it out");
      return [];
    }
    return [{ kind: "column", name: found.name, type: found.type }];
  });
  checkNoTwins(
    shown.map((one) => one.name),
    problems.at("columns"),
  );
  if (!isNumber || problems.list.length > before) return undefined;
  return { top: { n, columns: shown } };
}
