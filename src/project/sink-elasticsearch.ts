/** Documents in Elasticsearch or OpenSearch, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type SecretText, type SinkDefinition, type SinkSpec } from "./sink.ts";

export interface ElasticsearchSpec extends SinkSpec {
  /** `https://search.example.com:9200` */
  readonly url: SecretText;
  /** An index or an alias of one. Default: the name of the source. */
  readonly index?: string;
  /** Of Elasticsearch, as its console shows it. */
  readonly apiKey?: SecretText;
  readonly user?: SecretText;
  readonly password?: SecretText;
  /** Documents a request. Default 1000. */
  readonly batch?: number;
  /** For one request. Default `"30s"`. */
  readonly timeout?: Duration;
  /** Also addresses of the own network, and plain http. Default false. */
  readonly allowPrivateAddresses?: boolean;
}

/**
 * Keeps a document for each key, with the row's version as its external version: a repetition or an
 * older one changes nothing. What is taken back is deleted. For OpenSearch too.
 */
export function elasticsearch(spec: ElasticsearchSpec): SinkDefinition {
  return declareSink("elasticsearch", spec);
}
