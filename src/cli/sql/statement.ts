/** One statement with its parameters, as `POST /v1/sql` takes it. */
import { KurobeError } from "../../core/errors.ts";

type ParameterValue = string | number | boolean | null;

export interface Statement {
  readonly sql: string;
  readonly parameters?: readonly ParameterValue[] | Readonly<Record<string, ParameterValue>>;
  /** Rows; a longer result is an error. */
  readonly limit?: number;
  readonly timeoutMs?: number;
}

/** `name=value` for `$name`, or values alone for `$1`, `$2`; not both. */
export function readParameters(written: readonly string[]): Pick<Statement, "parameters"> {
  if (written.length === 0) return {};
  const named = written.map((text) => /^([A-Za-z_]\w*)=(.*)$/s.exec(text));
  if (named.every((match) => match === null)) return { parameters: written.map(valueOf) };
  if (named.some((match) => match === null)) {
    throw new KurobeError("KRB_CLI_USAGE", "-p: some parameters have names and some have none", {
      hint: "Write all of them as name=value, or none.",
    });
  }
  const entries = named.map((match) => [match?.[1] ?? "", valueOf(match?.[2] ?? "")] as const);
  return { parameters: Object.fromEntries(entries) };
}

/**
 * Numbers, true, false and null as in JSON; everything else, and what a number would round, as
 * text.
 */
function valueOf(text: string): ParameterValue {
  if (text === "true" || text === "false") return text === "true";
  if (text === "null") return null;
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) return text;
  const number = Number(text);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number;
}
