/** The address of a database, whose text may come from a secret. */
import { KurobeError } from "../core/errors.ts";
import { type SecretTextPlan } from "../plan/sinks/sink-base.ts";
import { type DestinationDeps } from "./destination.ts";

/** An address out of a secret is checked here, where it is known; its text is never shown. */
export function databaseUrl(
  sink: { readonly name: string; readonly url: SecretTextPlan },
  protocols: readonly string[],
  { reveal }: DestinationDeps,
): URL {
  const text = reveal(sink.url);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && protocols.includes(url.protocol)) return url;
  throw new KurobeError(
    "KRB_SINKS_ADDRESS",
    `sink ${sink.name}: its URL is not a ${protocols[0] ?? ""}// address`,
    { hint: "Set the environment variable that the sink names to such an address." },
  );
}
