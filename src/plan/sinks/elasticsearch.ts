/** A sink that keeps documents of an Elasticsearch or OpenSearch index. */
import { type Problems, show } from "../problem.ts";
import { httpAddress } from "./http-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

export interface ElasticsearchPlan extends SinkBase {
  readonly kind: "elasticsearch";
  readonly url: SecretTextPlan;
  readonly index: string;
  readonly apiKey: SecretTextPlan | null;
  readonly user: SecretTextPlan | null;
  readonly password: SecretTextPlan | null;
  readonly batch: number;
  readonly timeoutUs: number;
  readonly allowPrivateAddresses: boolean;
}

const MAX_BATCH = 10_000;

export const resolveElasticsearch: ResolveSink<ElasticsearchPlan> = (readBase, fields) => {
  const base = readBase("earliest");
  const address = httpAddress(fields, '"https://search.example.com:9200"');
  const index = fields.text("index", '"bars"', base.from.replaceAll(".", "_"));
  checkIndex(index, fields.raw("index").problems);
  return {
    kind: "elasticsearch",
    ...base,
    ...address,
    index,
    apiKey: fields.secretTextOrNull("apiKey", 'secret("ELASTIC_KEY")'),
    user: fields.secretTextOrNull("user", '"writer"'),
    password: fields.secretTextOrNull("password", 'secret("ELASTIC_PASSWORD")'),
    batch: fields.count("batch", 1000, { from: 1, to: MAX_BATCH }),
    timeoutUs: fields.durationUs("timeout", "30s"),
  };
};

function checkIndex(name: string, problems: Problems): void {
  if (/^[a-z0-9.][a-z0-9._-]{0,254}$/.test(name) && !/^\.{1,2}$/.test(name)) return;
  problems.add(show(name), "small letters, digits, dots, - and _", '"bars"');
}
