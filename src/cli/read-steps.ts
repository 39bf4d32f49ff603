/** Reads answers that tell how far long work is. */
import { ERROR_CATALOG, type ErrorCode } from "../core/error-catalog.ts";
import { KurobeError } from "../core/errors.ts";
import { readJsonLines } from "./read-lines.ts";

interface Failed {
  readonly kind: "failed";
  readonly problem: { readonly code?: string; readonly detail?: string; readonly hint?: string };
}

/**
 * The steps up to the last line, which says that the work is done. Throws the error that the server
 * names there, and KRB_CLI_ANSWER where the last line is missing.
 */
export async function* readSteps<Step>(response: Response): AsyncGenerator<Step> {
  for await (const value of readJsonLines(response)) {
    const line = value as { readonly kind?: string };
    if (line.kind === "done") return;
    if (line.kind === "failed") throw failure((value as Failed).problem);
    yield value as Step;
  }
  throw new KurobeError("KRB_CLI_ANSWER", "The work broke off before its end");
}

function failure({ code = "", detail, hint }: Failed["problem"]): KurobeError {
  const known = Object.hasOwn(ERROR_CATALOG, code) ? (code as ErrorCode) : "KRB_CLI_ANSWER";
  return new KurobeError(known, detail ?? "the work failed", { hint });
}
