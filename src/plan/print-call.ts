/** What the printers of single operators share. */
import { sql, type Sql } from "../core/sql.ts";
import { type TypedNode } from "./operands.ts";

export type CallTree = Extract<TypedNode, { readonly kind: "call" }>;

/** What an operator's printer sees: its operands in SQL. */
export interface PrintedCall {
  readonly node: CallTree;
  readonly operands: readonly Sql[];
  /** The first, second and third operand; `NULL` where there is none. */
  readonly a: Sql;
  readonly b: Sql;
  readonly c: Sql;
}

/**
 * Longer text is computed once, in a lambda; shorter is repeated, which DuckDB notices and saves.
 */
const REPEATED_LENGTH = 120;

/** SQL that names a value more than once, without growing twice as long with every level. */
export function bind(value: Sql, body: (v: Sql) => Sql): Sql {
  if (value.text.length <= REPEATED_LENGTH) return body(value);
  // An inner lambda may hide the name: no body looks past the nearest one.
  const name = sql`_v`;
  return sql`list_transform([${value}], lambda ${name}: ${body(name)})[1]`;
}
