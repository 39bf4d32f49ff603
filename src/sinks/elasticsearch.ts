/** Keeps documents of an index with `_bulk`, each under the version of its row. */
import { createHash } from "node:crypto";
import { KurobeError } from "../core/errors.ts";
import { type ElasticsearchPlan } from "../plan/sinks/elasticsearch.ts";
import { basicOrToken } from "./authorization.ts";
import { type Delivery } from "./delivery.ts";
import { type Destination, type DestinationDeps, httpUrl } from "./destination.ts";
import { checkAnswer, Poster } from "./http-post.ts";
import { newestPerKey } from "./newest-per-key.ts";

/** One item of a batch has at most this many characters of answer, errors included. */
const ANSWER_BYTES_AN_ITEM = 4096;

export function openElasticsearch(plan: ElasticsearchPlan, deps: DestinationDeps): Destination {
  const base = httpUrl(plan, deps);
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${plan.index}/_bulk`;
  // Of answers only what went wrong is wanted, and a mistyped alias is not made an index.
  url.search = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,error";
  const poster = new Poster({
    allowsPrivate: plan.allowPrivateAddresses,
    sockets: 1,
    maxAnswerBytes: plan.batch * ANSWER_BYTES_AN_ITEM,
  });
  const authorization = basicOrToken("ApiKey", plan.apiKey, plan, deps);
  return {
    kind: "rows",
    batchRows: plan.batch,
    lanes: 1,
    deliver: async (batch, signal) => {
      const newest = newestPerKey(batch);
      const body = newest.map(({ key, delivery }) => actionOf(key, delivery)).join("");
      const headers = {
        "content-type": "application/x-ndjson",
        "user-agent": "kurobe",
        ...authorization,
      };
      const timeoutMs = plan.timeoutUs / 1000;
      const answer = await poster.post({ url, headers, body, timeoutMs, signal });
      // Neither the index nor its address is the fault of a document.
      if (answer.status === 404 || answer.status === 405)
        throw new KurobeError("KRB_SINKS_TARGET", `${url.host}: ${answer.text.slice(0, 200)}`);
      checkAnswer(url, answer, deps.nowMs());
      checkItems(url, answer.text, newest.length);
    },
    [Symbol.asyncDispose]: () => {
      poster[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** Rows without a key have an id of their own; `create` would refuse their repetition as well. */
function actionOf(key: string, { op, version, row }: Delivery): string {
  const meta = { _id: idOf(key), version, version_type: "external" };
  if (op === "delete") return `${JSON.stringify({ delete: meta })}\n`;
  return `${JSON.stringify({ index: meta })}\n${JSON.stringify(row)}\n`;
}

/** Ids have at most 512 bytes; short keys stay readable. */
const MAX_ID_BYTES = 400;

function idOf(key: string): string {
  if (Buffer.byteLength(key) <= MAX_ID_BYTES) return key;
  return `sha256:${createHash("sha256").update(key).digest("base64url")}`;
}

interface BulkItem {
  readonly status?: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

interface BulkAnswer {
  readonly errors?: boolean;
  readonly items?: readonly Readonly<Record<string, BulkItem>>[];
}

/**
 * 409: the index has this version or a newer one. 404: what is to be deleted is not there. 429 and
 * 5xx pass; all of the batch is then sent again, which changes nothing for what arrived.
 */
function checkItems(url: URL, text: string, expected: number): void {
  const { errors, items = [] } = bulkAnswer(url, text);
  if (errors === false) return;
  const all = items.flatMap((item) => Object.values(item));
  if (errors === undefined || all.length !== expected)
    throw new KurobeError("KRB_SINKS_UNREACHABLE", `${url.host}: not the answer of a bulk request`);
  const failed = all.filter(({ status = 0 }) => status >= 300 && status !== 409 && status !== 404);
  const passing = failed.find(({ status = 0 }) => status === 429 || status >= 500);
  const missing = all.find(({ error }) => error?.type === "index_not_found_exception");
  const blocked = failed.find(({ status }) => status === 401 || status === 403);
  const [first] = failed;
  if (missing !== undefined) throw itemError("KRB_SINKS_TARGET", url, missing);
  if (blocked !== undefined) throw itemError("KRB_SINKS_DENIED", url, blocked);
  if (passing !== undefined) throw itemError("KRB_SINKS_BUSY", url, passing);
  if (first !== undefined) throw itemError("KRB_SINKS_REJECTED", url, first);
}

function bulkAnswer(url: URL, text: string): BulkAnswer {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // Said below: what is no JSON comes from something else than the index.
  }
  throw new KurobeError("KRB_SINKS_UNREACHABLE", `${url.host}: not the answer of a bulk request`);
}

type ItemCode = "KRB_SINKS_TARGET" | "KRB_SINKS_DENIED" | "KRB_SINKS_BUSY" | "KRB_SINKS_REJECTED";

function itemError(code: ItemCode, url: URL, { status, error }: BulkItem): KurobeError {
  const reason = `${error?.type ?? "unknown"}: ${error?.reason ?? "no reason"}`.slice(0, 300);
  return new KurobeError(code, `${url.host} answered ${status} to a document: ${reason}`, {
    details: { status },
  });
}
