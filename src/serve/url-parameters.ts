/** The parameters of a URL, each known and each given once. */
import { type FastifyRequest } from "fastify";
import { KurobeError } from "../core/errors.ts";

/** Throws KRB_SERVE_PARAMETER for a name that is not in the list or is given twice. */
export function parametersOf<Name extends string>(
  request: FastifyRequest,
  names: readonly Name[],
): Partial<Readonly<Record<Name, string>>> {
  const found: Partial<Record<Name, string>> = {};
  for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
    const known = names.find((one) => one === name);
    if (known === undefined) {
      const list = names.length === 0 ? "takes none" : `takes ${names.join(", ")}`;
      throw wrong(`there is no parameter ${JSON.stringify(name.slice(0, 80))}: this path ${list}`);
    }
    if (typeof value !== "string") throw wrong(`${name} is given twice`);
    found[known] = value;
  }
  return found;
}

/** A whole number within bounds. */
export function countParameter(
  name: string,
  text: string | undefined,
  bounds: { readonly from: number; readonly to: number; readonly otherwise: number },
): number {
  if (text === undefined) return bounds.otherwise;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.from && value <= bounds.to) return value;
  throw wrong(`${name} is not a whole number from ${bounds.from} to ${bounds.to}`);
}

function wrong(message: string): KurobeError {
  return new KurobeError("KRB_SERVE_PARAMETER", message);
}
