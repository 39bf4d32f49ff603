/** Addresses of receivers that are reached by HTTP. */
import { type Fields } from "../fields.ts";
import { type Problems, show } from "../problem.ts";
import { type SecretTextPlan } from "./sink-base.ts";

export interface HttpAddress {
  readonly url: SecretTextPlan;
  readonly allowPrivateAddresses: boolean;
}

/** `example` is shown, as it is written in a project, to who leaves the address out. */
export function httpAddress(fields: Fields, example: string): HttpAddress {
  const url = fields.secretText("url", example);
  const allowPrivateAddresses = fields.isTrue("allowPrivateAddresses");
  if (typeof url === "string" && url !== "")
    checkProtocol(url, allowPrivateAddresses, fields.raw("url").problems);
  return { url, allowPrivateAddresses };
}

/** Plain http is for the own network only: a body that is signed is still a body in the open. */
function checkProtocol(url: string, isPrivate: boolean, problems: Problems): void {
  const protocols = isPrivate ? ["https:", "http:"] : ["https:"];
  if (URL.canParse(url) && protocols.includes(new URL(url).protocol)) return;
  problems.add(
    show(url),
    isPrivate ? "an http or https URL" : "an https URL",
    isPrivate
      ? '"http://127.0.0.1:8080/hook"'
      : "or allowPrivateAddresses: true for your own network",
  );
}
