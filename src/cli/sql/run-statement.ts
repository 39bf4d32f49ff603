/** Asks one statement and puts its result where it belongs. */
import { type Client } from "../client.ts";
import { showBytes } from "../figures.ts";
import { type Output } from "../output.ts";
import { type Terminal } from "../terminal.ts";
import { ACCEPT, copyToStdout, saveResult, type SqlFormat } from "./result-format.ts";
import { readFirstRows, showRows } from "./result-table.ts";
import { type Statement } from "./statement.ts";

export interface StatementRun {
  readonly client: Client;
  readonly format: SqlFormat;
  readonly outputPath: string | undefined;
  /** That a table shows. */
  readonly maxShownRows: number;
  readonly output: Output;
  readonly terminal: Terminal;
  /** Aborting it cancels the statement on the server too. */
  readonly signal: AbortSignal;
}

export async function runStatement(statement: Statement, run: StatementRun): Promise<void> {
  const { client, format, output, outputPath, terminal } = run;
  const leaving = new AbortController();
  const response = await client.send("POST", "/v1/sql", {
    headers: { "content-type": "application/json", accept: ACCEPT[format] },
    body: JSON.stringify(statement),
    signal: AbortSignal.any([run.signal, leaving.signal]),
  });
  if (outputPath !== undefined) {
    const sizeBytes = await saveResult(response, outputPath, terminal);
    output.note(`${showBytes(sizeBytes)} in ${outputPath}`);
  } else if (format === "table") {
    const first = await readFirstRows(response, run.maxShownRows);
    // Tells the server that nobody waits for the rest.
    leaving.abort();
    showRows(first, output);
  } else {
    await copyToStdout(response, terminal);
  }
}
