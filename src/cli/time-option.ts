/** Times that are given as options. */
import { INSTANT_EXAMPLES, parseInstant } from "../core/instant.ts";
import { KurobeError } from "../core/errors.ts";

/** The text as it was written, once it is known to be a time. */
export function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined || parseInstant(text) !== undefined) return text;
  throw new KurobeError("KRB_CLI_USAGE", `${option} ${text} is no time`, {
    hint: `Write it like ${INSTANT_EXAMPLES}.`,
  });
}
