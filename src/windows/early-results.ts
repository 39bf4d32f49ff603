/** Early results as they are stored: with revision 0, where the final one will be. */
import { sql, type Sql } from "../core/sql.ts";
import { type RelationOptions } from "../engine/table.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type WindowPlan } from "../plan/plan.ts";
import { byNames, sameGroup } from "./publish.ts";
import { insertResults } from "./results.ts";

/** `_ws`, `_we`, the by-columns, the measures. `starts`: of the windows, half-open. */
export function earlyResults(
  tx: Transaction,
  window: WindowPlan,
  starts: Pick<RelationOptions, "fromUs" | "toUs">,
  condition = sql.empty,
): Sql {
  const columns = [...byNames(window), ...window.measures.map((one) => one.name)].map(
    (name) => sql`, ${sql.id(name)}`,
  );
  return sql`(SELECT window_start AS _ws, window_end AS _we${sql.join(columns, "")}
    FROM ${tx.relation(window.name, starts)} AS r WHERE revision = 0 ${condition})`;
}

/** Publishes the groups that differ from the early results that are there. Gives their number. */
export function publishChanged(
  tx: Transaction,
  window: WindowPlan,
  groups: Sql,
  early: Sql,
): Promise<number> {
  const names = byNames(window);
  const measures = window.measures.map(({ name }) => name);
  const differs = ["_we", ...measures].map(
    (name) => sql` OR ${sql.id("g", name)} IS DISTINCT FROM ${sql.id("e", name)}`,
  );
  return insertResults(tx, window, "always", {
    values: [
      sql`g._ws`,
      sql`g._we`,
      ...[...names, ...measures].map((name) => sql.id("g", name)),
      sql`0`,
      sql`FALSE`,
    ],
    from: sql`${groups} AS g LEFT JOIN ${early} AS e ON ${sameGroup(window, "g", "e")}
      WHERE e._ws IS NULL${sql.join(differs, "")}`,
    order: [sql`g._ws`, ...names.map((name) => sql.id("g", name))],
  });
}

/** Tombstones for early results whose groups are not among `groups` any more; null: for all. */
export function takeBackGone(
  tx: Transaction,
  window: WindowPlan,
  early: Sql,
  groups: Sql | null,
): Promise<number> {
  const by = byNames(window).map((name) => sql.id("e", name));
  const gone =
    groups === null
      ? sql`${early} AS e`
      : sql`${early} AS e ANTI JOIN ${groups} AS g ON ${sameGroup(window, "e", "g")}`;
  return insertResults(tx, window, "always", {
    values: [
      sql`e._ws`,
      sql`e._we`,
      ...by,
      ...window.measures.map(() => sql`NULL`),
      sql`0`,
      sql`TRUE`,
    ],
    from: gone,
    order: [sql`e._ws`, ...by],
  });
}
