/** One SQL question over HTTP. */
import { type Client } from "../client.ts";

export interface SqlAnswer {
  readonly columns: readonly { readonly name: string }[];
  /** Values in column order. */
  readonly rows: readonly (readonly unknown[])[];
}

export async function askSql(client: Client, text: string): Promise<SqlAnswer> {
  return await client.json<SqlAnswer>("POST", "/v1/sql", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql: text }),
  });
}
