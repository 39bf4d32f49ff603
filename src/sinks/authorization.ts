/** Who we are to a receiver over HTTP. */
import { type SecretTextPlan } from "../plan/sinks/sink-base.ts";
import { type DestinationDeps } from "./destination.ts";

interface Credentials {
  readonly user: SecretTextPlan | null;
  readonly password: SecretTextPlan | null;
}

/** The header of a token under its scheme, of user and password, or none. */
export function basicOrToken(
  scheme: string,
  token: SecretTextPlan | null,
  { user, password }: Credentials,
  { reveal }: DestinationDeps,
): Readonly<Record<string, string>> {
  if (token !== null) return { authorization: `${scheme} ${reveal(token)}` };
  if (user === null || password === null) return {};
  const pair = `${reveal(user)}:${reveal(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
