/** Puts results where people find them. */
import { sql, type Sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type WindowPlan } from "../plan/plan.ts";

export interface Results {
  readonly values: readonly Sql[];
  readonly from: Sql;
  readonly order: readonly Sql[];
}

/**
 * Results of one window, in a fixed order. `values` are its columns and `_deleted`; `repeats` says
 * whether a result of the same start and group may be there. Gives their number.
 */
export async function insertResults(
  tx: Transaction,
  window: WindowPlan,
  repeats: "never" | "always",
  results: Results,
): Promise<number> {
  const names = tx.table(window.name).columnNames.filter((name) => name !== "_seq");
  const selected = results.values.map(
    (value, index) => sql`${value} AS ${sql.id(names[index] ?? "")}`,
  );
  const { rows } = await tx.insert(window.name, {
    columns: sql.join(names.map((name) => sql.id(name))),
    from: sql`(SELECT ${sql.join(selected)},
                 row_number() OVER (ORDER BY ${sql.join(results.order)}) - 1 AS _place
            FROM ${results.from}) AS n`,
    offset: sql`_place`,
    span: "rows",
    repeats,
  });
  return rows;
}
