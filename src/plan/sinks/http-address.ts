/** Addresses of receivers that are reached by HTTP. */
import { type Problems, show } from "../problem.ts";

/** Plain http is for the own network only: a body that is signed is still a body in the open. */
export function checkHttpAddress(url: string, isPrivate: boolean, problems: Problems): void {
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
