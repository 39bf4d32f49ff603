/** Writes what happened to groups into the alert's relation. */
import { sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type AlertPlan } from "../plan/alert-plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import { type Transition } from "./group-state.ts";

export interface Recorded extends Omit<Transition, "state"> {
  readonly state: Transition["state"] | "test";
  readonly isNotified: boolean;
  /** Why nobody is notified of something that one would be notified of. */
  readonly suppressed: "silenced" | "limit" | "stale" | null;
}

/** In the order of the alert's columns; values travel as one JSON text, whatever is in them. */
export async function record(
  tx: Transaction,
  plan: AlertPlan,
  transitions: readonly Recorded[],
): Promise<void> {
  if (transitions.length === 0) return;
  const rows = transitions.map(({ state, atUs, group, isNotified, suppressed }) => [
    String(atUs),
    ...group.by,
    state,
    textOf(group.value),
    textOf(group.score),
    String(group.sinceUs),
    String(group.startUs),
    String(isNotified),
    suppressed,
  ]);
  const values = plan.columns.map(({ type }, index) => {
    const text = sql`_r[${sql.literal(index + 1)}]`;
    return type.kind === "timestamp" && !isByColumn(plan, index)
      ? sql`make_timestamp(CAST(${text} AS BIGINT))`
      : sql`CAST(${text} AS ${sql.keyword(columnTypeToDuckdb(type))})`;
  });
  const times = transitions.map(({ atUs }) => atUs);
  await tx.insert(plan.name, {
    columns: sql.join(values),
    from: sql`(SELECT _r, row_number() OVER () - 1 AS _place
                 FROM (SELECT unnest(from_json(${JSON.stringify(rows)}, '[["VARCHAR"]]')) AS _r) AS u) AS n`,
    offset: sql`_place`,
    span: rows.length,
    repeats: "check",
    rangeUs: { min: BigInt(Math.min(...times)), max: BigInt(Math.max(...times)) },
  });
}

/** `changed_at` is the first column, the by-columns follow. */
function isByColumn(plan: AlertPlan, index: number): boolean {
  return index >= 1 && index <= plan.by.length;
}

function textOf(value: number | null): string | null {
  return value === null ? null : String(value);
}
