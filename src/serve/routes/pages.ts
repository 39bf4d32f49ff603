/** Rows a page at a time: `GET /v1/datasets/{name}/rows`. */
import { type FastifyInstance } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { readFilters } from "../../query/filter.ts";
import { MAX_PAGE_ROWS, DEFAULT_PAGE_ROWS, pageEtag, type PageRequest } from "../../query/page.ts";
import { type Door } from "../door.ts";
import { type ServedEngine } from "../rooms.ts";
import { goneSignal } from "../stream-answer.ts";
import { countParameter } from "../url-parameters.ts";

/** A column of such a name is filtered by `limit.eq=…`. */
export const PAGE_PARAMETERS = ["limit", "order", "columns", "cursor"] as const;
type PageParameter = (typeof PAGE_PARAMETERS)[number];

export function pageRoutes(app: FastifyInstance, door: Door): void {
  app.get<{ Params: { name: string } }>("/v1/datasets/:name/rows", async (request, reply) => {
    const { engine, query } = door.rooms;
    const asked = pageRequest(request.params.name, request.raw.url ?? "", engine);
    const etag = pageEtag(asked, engine.relations);
    reply.headers({
      etag,
      // Rows are somebody's own, and change at any moment: keep the page, but ask each time.
      "cache-control": "private, no-cache",
      vary: "Accept, Authorization, Origin",
    });
    if (matches(request.headers["if-none-match"], etag)) return reply.code(304).send();
    const page = await query.page({ ...asked, signal: goneSignal(reply) });
    if (page.next !== null) {
      reply.header("link", `<${nextUrl(request.raw.url ?? "", page.next)}>; rel="next"`);
    }
    return reply.header("content-type", "application/json; charset=utf-8").send(page.body);
  });
}

function pageRequest(name: string, url: string, engine: ServedEngine): PageRequest {
  const plan = engine.relations.planOf(name);
  if (plan === undefined) {
    throw new KurobeError(
      "KRB_QUERY_UNKNOWN_RELATION",
      `there is no dataset ${JSON.stringify(name.slice(0, 80))}`,
      { hint: `There are: ${engine.relations.names().join(", ")}.` },
    );
  }
  const own: Partial<Record<PageParameter, string>> = {};
  const filters: [string, string][] = [];
  for (const [key, value] of parametersIn(url)) {
    const known = PAGE_PARAMETERS.find((one) => one === key);
    if (known === undefined) filters.push([key, value]);
    else if (own[known] === undefined) own[known] = value;
    else throw new KurobeError("KRB_SERVE_PARAMETER", `${known} is given twice`);
  }
  const { limit, order, columns, cursor } = own;
  if (order !== undefined && order !== "asc" && order !== "desc") {
    throw new KurobeError("KRB_SERVE_PARAMETER", "order is neither asc nor desc");
  }
  const bounds = { from: 1, to: MAX_PAGE_ROWS, otherwise: DEFAULT_PAGE_ROWS };
  return {
    dataset: name,
    limit: countParameter("limit", limit, bounds),
    order,
    columns: columns?.split(","),
    cursor,
    filters: readFilters(filters, plan.columns),
  };
}

function parametersIn(url: string): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}

function nextUrl(url: string, cursor: string): string {
  const parameters = parametersIn(url);
  parameters.set("cursor", cursor);
  return `${url.split("?")[0] ?? ""}?${parameters.toString()}`;
}

/** As RFC 9110 compares for reads: weak and strong tags are the same. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(etag);
}
