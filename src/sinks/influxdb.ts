/** Writes points to InfluxDB: a correction replaces its point, a retraction deletes it. */
import { KurobeError } from "../core/errors.ts";
import { type InfluxdbPlan } from "../plan/sinks/influxdb.ts";
import { basicOrToken } from "./authorization.ts";
import { type Destination, type DestinationDeps, httpUrl } from "./destination.ts";
import { checkAnswer, type PostAnswer, Poster } from "./http-post.ts";
import { type PointPlace, pointWriter } from "./influx-point.ts";
import { newestPerKey } from "./newest-per-key.ts";

/** Statements of one request of the first version. */
const DELETES_A_REQUEST = 100;

export function openInfluxdb(plan: InfluxdbPlan, deps: DestinationDeps): Destination {
  const base = httpUrl(plan, deps);
  const points = pointWriter(plan, deps.relation);
  const poster = new Poster({ allowsPrivate: plan.allowPrivateAddresses, sockets: 1 });
  const authorization = basicOrToken("Token", plan.token, plan, deps);
  const timeoutMs = plan.timeoutUs / 1000;

  const post = async (request: Request, signal: AbortSignal): Promise<PostAnswer> => {
    const { url, type, body } = request;
    const headers = { "content-type": type, "user-agent": "kurobe", ...authorization };
    const answer = await poster.post({ url, headers, body, timeoutMs, signal });
    // Neither a missing database nor a missing bucket is the fault of a point.
    if (answer.status === 404)
      throw new KurobeError("KRB_SINKS_TARGET", `${url.host} answered 404: ${answer.text.trim()}`);
    checkAnswer(url, answer, deps.nowMs());
    return answer;
  };

  return {
    kind: "rows",
    batchRows: plan.batch,
    lanes: 1,
    deliver: async (batch, signal) => {
      const newest = newestPerKey(batch).map(({ delivery }) => delivery);
      const lines = newest.filter(({ op }) => op !== "delete").map((one) => points.lineOf(one));
      if (lines.length > 0) await post(writeRequest(plan, base, lines.join("\n")), signal);
      const deleted = newest.filter(({ op }) => op === "delete");
      for (const request of deleteRequests(
        plan,
        base,
        deleted.map((one) => points.placeOf(one)),
      )) {
        checkResults(base, await post(request, signal));
      }
    },
    [Symbol.asyncDispose]: () => {
      poster[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

interface Request {
  readonly url: URL;
  readonly type: string;
  readonly body: string;
}

function writeRequest({ target }: InfluxdbPlan, base: URL, body: string): Request {
  const url =
    target.version === 1
      ? pathOf(base, "write", {
          db: target.database,
          ...(target.retentionPolicy === null ? {} : { rp: target.retentionPolicy }),
          precision: "u",
        })
      : pathOf(base, "api/v2/write", { org: target.org, bucket: target.bucket, precision: "us" });
  return { url, type: "text/plain; charset=utf-8", body };
}

function deleteRequests(
  plan: InfluxdbPlan,
  base: URL,
  places: readonly PointPlace[],
): readonly Request[] {
  const { target, measurement } = plan;
  if (target.version === 1) {
    const url = pathOf(base, "query", { db: target.database });
    const statements = places.map((place) => deleteStatement(measurement, place));
    return chunksOf(statements, DELETES_A_REQUEST).map((some) => ({
      url,
      type: "application/x-www-form-urlencoded",
      body: new URLSearchParams({ q: some.join("; ") }).toString(),
    }));
  }
  const url = pathOf(base, "api/v2/delete", { org: target.org, bucket: target.bucket });
  return places.map(({ tags, timeUs }) => {
    const predicate = [["_measurement", measurement] as const, ...tags]
      .filter(([, value]) => value !== "")
      .map(([name, value]) => `${identifier(name)}=${identifier(value)}`);
    const start = timeText(timeUs, "");
    // Whether the end belongs to it or not: points of this sink are whole microseconds.
    const stop = timeText(timeUs, "999");
    const body = JSON.stringify({ start, stop, predicate: predicate.join(" AND ") });
    return { url, type: "application/json", body };
  });
}

/** InfluxQL, which has escapes of its own. A tag that a point does not have equals ''. */
function deleteStatement(measurement: string, { tags, timeUs }: PointPlace): string {
  const where = tags.map(([name, value]) => `${identifier(name)} = ${literal(value)}`);
  const all = [...where, `time = ${timeUs}000`].join(" AND ");
  return ["DELETE FROM", identifier(measurement), "WHERE", all].join(" ");
}

function identifier(name: string): string {
  return `"${name.replaceAll(/["\\]/g, "\\$&")}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}

function timeText(timeUs: number, nanoseconds: string): string {
  const micros = String(((timeUs % 1000) + 1000) % 1000).padStart(3, "0");
  const text = new Date(Math.floor(timeUs / 1000)).toISOString();
  return `${text.slice(0, -1)}${micros}${nanoseconds}Z`;
}

function pathOf(base: URL, path: string, query: Readonly<Record<string, string>>): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${path}`;
  url.search = new URLSearchParams(query).toString();
  return url;
}

/** The first version answers 200 to statements that failed, and says so in the body. */
function checkResults(base: URL, { text }: PostAnswer): void {
  const found = /"error":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  if (found === undefined) return;
  const reason = JSON.parse(found) as string;
  const code = /database not found/.test(reason) ? "KRB_SINKS_TARGET" : "KRB_SINKS_REJECTED";
  throw new KurobeError(code, `${base.host}: ${reason}`);
}

function chunksOf<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  const chunks: (readonly T[])[] = [];
  for (let start = 0; start < list.length; start += size)
    chunks.push(list.slice(start, start + size));
  return chunks;
}
