/** The table that a sink writes to. */
import { type Fields } from "../fields.ts";
import { show } from "../problem.ts";

export interface TableName {
  /** Null: the one that the connection has by itself. */
  readonly schema: string | null;
  readonly table: string;
}

/** Reads `table: "schema.table"`; without it the source's name, with `_` for a dot. */
export function tableName(fields: Fields, from: string, maxBytes: number): TableName {
  const named = fields.text("table", '"analytics.bars"', from.replaceAll(".", "_"));
  const parts = named.split(".");
  const [table = "", schema = null] = parts.toReversed();
  const isName = (part: string): boolean =>
    part !== "" && !part.includes("\0") && Buffer.byteLength(part) <= maxBytes;
  if (parts.length > 2 || !parts.every(isName)) {
    fields.raw("table").problems.add(show(named), "a table, or schema.table", '"analytics.bars"');
  }
  return { schema, table };
}
