/** Checks one sink and fills in its defaults. */
import { isBranded } from "../project/brand.ts";
import { Fields } from "./fields.ts";
import { checkRelationName, nameHint } from "./names.ts";
import { type Problems, show } from "./problem.ts";
import { isRecord } from "./resolve-dataset.ts";
import { type FilePlan, type SinkBase, type SinkPlan, type WebhookPlan } from "./sink-plan.ts";

/** What a sink may deliver: relations by name, and the declared values by identity. */
export interface Delivered {
  /** Datasets and windows. */
  readonly names: readonly string[];
  /** Those of them that have dead letters and late rows. */
  readonly datasets: readonly string[];
  readonly nameOf: (declared: unknown) => string | undefined;
}

type Start = SinkBase["start"];

/** What every sink has; `start` differs between messages and what holds rows. */
type Common = (start: Start) => SinkBase;

const MAX_BATCH = 10_000;
const MAX_LANES = 64;
const KINDS: Readonly<Record<string, (common: Common, fields: Fields) => SinkPlan>> = {
  webhook: webhookPlan,
  file: filePlan,
};

export function resolveSink(
  name: string,
  value: unknown,
  delivered: Delivered,
  problems: Problems,
): SinkPlan | undefined {
  const declared = isBranded(value, "sink") ? (value as { kind?: string; spec?: unknown }) : {};
  const resolve = KINDS[declared.kind ?? ""];
  if (!isRecord(declared.spec) || resolve === undefined) {
    return problems.add(show(value), "a sink", 'webhook({ from: "bars", url: "https://…" })');
  }
  checkRelationName(name, problems);
  const fields = new Fields(declared.spec, problems);
  const from = resolveFrom(fields, delivered);
  const plan = resolve((start) => commonPlan(name, from, start, fields), fields);
  fields.end();
  return plan;
}

function commonPlan(name: string, from: string, start: Start, fields: Fields): SinkBase {
  const retry = fields.section("retry");
  const base = {
    name,
    from,
    start: fields.choice("start", ["earliest", "latest"], start),
    retry: { firstUs: retry.durationUs("first", "1s"), maxUs: retry.durationUs("max", "5m") },
    whenRejected: fields.choice("whenRejected", ["block", "skip"], "block"),
    maxBacklog: fields.countOrNull("maxBacklog", { from: 1, to: Number.MAX_SAFE_INTEGER }),
  };
  retry.end();
  return base;
}

function resolveFrom(fields: Fields, delivered: Delivered): string {
  const { value, problems } = fields.raw("from");
  const name = typeof value === "string" ? value : delivered.nameOf(value);
  const sides = delivered.datasets.flatMap((one) => [`${one}.dead_letters`, `${one}.late_rows`]);
  if (name !== undefined && [...delivered.names, ...sides].includes(name)) return name;
  problems.add(
    typeof value === "object" && name === undefined
      ? "what the project does not list"
      : show(value),
    "a dataset or a window of this project",
    nameHint(value, delivered.names),
  );
  return "";
}

function webhookPlan(common: Common, fields: Fields): WebhookPlan {
  const url = fields.secretText("url", '"https://example.com/hook"');
  const allowPrivateAddresses = fields.isTrue("allowPrivateAddresses");
  if (typeof url === "string" && url !== "") {
    checkUrl(url, allowPrivateAddresses, fields.raw("url").problems);
  }
  return {
    kind: "webhook",
    ...common("latest"),
    url,
    secret: fields.secretTextOrNull("secret", 'secret("HOOK_SECRET")'),
    headers: fields.secretTexts("headers"),
    timeoutUs: fields.durationUs("timeout", "10s"),
    batch: fields.count("batch", 1, { from: 1, to: MAX_BATCH }),
    concurrency: fields.count("concurrency", 4, { from: 1, to: MAX_LANES }),
    allowPrivateAddresses,
  };
}

/** Plain http is for the own network only: a body that is signed is still a body in the open. */
function checkUrl(url: string, isPrivate: boolean, problems: Problems): void {
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

function filePlan(common: Common, fields: Fields): FilePlan {
  return {
    kind: "file",
    ...common("earliest"),
    directory: fields.text("directory", '"./out/bars"'),
    format: fields.choice("format", ["ndjson", "csv", "parquet"], "ndjson"),
    partition: fields.choice("partition", ["none", "day", "hour"], "day"),
  };
}
