/** One hash for a plan: equal plans have equal ones, however their objects were built. */
import { createHash } from "node:crypto";
import { type Plan } from "./plan.ts";

/** SHA-256, in hex, of the plan without its fingerprint in canonical JSON. */
export function fingerprintOf(content: Omit<Plan, "fingerprint">): string {
  const { formatVersion, name, datasets, streams, windows, sinks, alerts } = content;
  // Projects without them keep the fingerprint that they had before there were any.
  const since = {
    ...(streams.length === 0 ? {} : { streams }),
    ...(sinks.length === 0 ? {} : { sinks }),
    ...(alerts.length === 0 ? {} : { alerts }),
  };
  const text = canonicalJson({ formatVersion, name, datasets, windows, ...since });
  return createHash("sha256").update(text).digest("hex");
}

/** JSON with sorted keys and without what is undefined: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, part]) => `${JSON.stringify(key)}:${canonicalJson(part)}`);
  return `{${fields.join(",")}}`;
}
