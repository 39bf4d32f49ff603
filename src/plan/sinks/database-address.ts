/** Addresses of databases: anything but a password may stand in the plan. */
import { type Fields } from "../fields.ts";
import { show } from "../problem.ts";
import { type SecretTextPlan } from "./sink-base.ts";

/** `protocols` with their colon; the first one and `example` are shown to who gets it wrong. */
export function databaseAddress(
  fields: Fields,
  { protocols, example }: { readonly protocols: readonly string[]; readonly example: string },
): SecretTextPlan {
  const url = fields.secretText("url", JSON.stringify(example));
  if (typeof url !== "string" || url === "") return url;
  const { problems } = fields.raw("url");
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !protocols.includes(parsed.protocol)) {
    problems.add(show(url), `a ${protocols[0] ?? ""}// address`, JSON.stringify(example));
  } else if (parsed.password !== "" || parsed.searchParams.has("password")) {
    problems.add(
      "an address with a password",
      "a secret, because the plan is stored and shown",
      'url: secret("DATABASE_URL")',
    );
  }
  return url;
}
