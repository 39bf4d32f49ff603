/** Rows of a dataset a page at a time, in the order of their event time. */
import { createHash } from "node:crypto";
import { assert, KurobeError } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Column, type ColumnVector, type ResultChunk } from "../duckdb/duckdb.ts";
import { type EngineRelations } from "../engine/engine.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type Position, readCursor, writeCursor } from "./cursor.ts";
import { type Filter, filterSql, unknownColumn } from "./filter.ts";
import { Bytes } from "./format/bytes.ts";
import { cellWriter } from "./format/cell.ts";
import { objectKeys, writeObject } from "./format/json.ts";

export const DEFAULT_PAGE_ROWS = 20;
export const MAX_PAGE_ROWS = 100;

export interface PageRequest {
  /** A dataset, a window, or `<dataset>.dead_letters` and the like. */
  readonly dataset: string;
  /** 1 to 100; 20 if left out. */
  readonly limit?: number | undefined;
  /**
   * By event time; rows of one time in the order in which they were accepted. Newest first if left
   * out.
   */
  readonly order?: "asc" | "desc" | undefined;
  readonly filters?: readonly Filter[] | undefined;
  /** In this order; all if left out. */
  readonly columns?: readonly string[] | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeLimitMs?: number | undefined;
}

export interface PageAnswer {
  /** JSON: `{"rows":[{…}],"next":"…"|null}`, values as in JSON results of SQL. */
  readonly body: Uint8Array;
  readonly rowCount: number;
  /** The cursor of the next page; null on the last one. */
  readonly next: string | null;
}

/** Runs a statement and hands over its chunks. */
export type ReadPage = (
  statement: Sql,
  read: (columns: readonly Column[], chunk: ResultChunk) => void,
) => Promise<void>;

/**
 * Changes when the page may have changed, without reading it: compare it with `If-None-Match`
 * first. Throws `KRB_QUERY_UNKNOWN_RELATION`.
 */
export function pageEtag(request: PageRequest, relations: EngineRelations): string {
  const plan = planOf(request.dataset, relations);
  const asked = `${relations.versionOf(plan.name)}\n${question(request, plan)}\n${limitOf(request)}`;
  const hash = createHash("sha256")
    .update(`${asked}\n${request.cursor ?? ""}`)
    .digest("base64url");
  return `"${hash.slice(0, 22)}"`;
}

/**
 * Every row once and in order, also while rows arrive: the cursor is a place in a total order, not
 * a count. Rows that arrive behind it are not seen. Throws `KRB_QUERY_UNKNOWN_RELATION`,
 * `…_UNKNOWN_COLUMN`, `…_FILTER`, `…_CURSOR`, `…_PAGE_SIZE`.
 */
export async function answerPage(
  request: PageRequest,
  relations: EngineRelations,
  readPage: ReadPage,
): Promise<PageAnswer> {
  const plan = planOf(request.dataset, relations);
  const limit = limitOf(request);
  const asked = question(request, plan);
  const after = request.cursor === undefined ? null : readCursor(asked, request.cursor);
  const names = columnsOf(request, plan);
  const page = new PageWriter(names, limit);
  await readPage(pageSql(request, plan, names, after, limit), (_, chunk) => page.add(chunk));
  const next = page.last === null ? null : writeCursor(asked, page.last);
  return { body: page.end(next), rowCount: page.rowCount, next };
}

function pageSql(
  request: PageRequest,
  plan: DatasetPlan,
  names: readonly string[],
  after: Position | null,
  limit: number,
): Sql {
  const time = sql.id(plan.eventTime);
  const isDescending = request.order !== "asc";
  const conditions = (request.filters ?? []).map((filter) => filterSql(filter, plan.columns));
  if (after !== null) {
    const at = sql`make_timestamp(${after.eventTimeUs})`;
    // The first condition alone lets whole chunks be skipped.
    conditions.push(
      isDescending
        ? sql`${time} <= ${at} AND (${time} < ${at} OR _seq < ${after.seq})`
        : sql`${time} >= ${at} AND (${time} > ${at} OR _seq > ${after.seq})`,
    );
  }
  const where = conditions.length === 0 ? sql`TRUE` : sql.join(conditions, " AND ");
  const order = isDescending ? sql`DESC` : sql`ASC`;
  return sql`
    SELECT ${sql.join(names.map((name) => sql.id(name)))}, epoch_us(${time}) AS _time, _seq
    FROM rows.${sql.id(plan.name)}
    WHERE ${where}
    ORDER BY ${time} ${order}, _seq ${order}
    LIMIT ${limit + 1}`;
}

/** Writes the rows but the one too many, which only tells that there is a next page. */
class PageWriter {
  readonly #out = new Bytes(16_384);
  readonly #keys: readonly Uint8Array[];
  readonly #limit: number;
  #last: Position | null = null;
  #hasMore = false;
  rowCount = 0;

  constructor(names: readonly string[], limit: number) {
    this.#keys = objectKeys(names);
    this.#limit = limit;
    this.#out.ascii('{"rows":[');
  }

  /** Where the next page goes on; null on the last page. */
  get last(): Position | null {
    return this.#hasMore ? this.#last : null;
  }

  add(chunk: ResultChunk): void {
    const [time, seq] = chunk.columns.slice(-2);
    const writers = chunk.columns.slice(0, -2).map((vector) => cellWriter(vector, "json"));
    for (let row = 0; row < chunk.rowCount; row++) {
      this.#hasMore = this.rowCount === this.#limit;
      if (this.#hasMore) return;
      this.#out.ascii(this.rowCount++ === 0 ? "\n" : ",\n");
      writeObject(this.#out, this.#keys, writers, row);
      this.#last = { eventTimeUs: bigintAt(time, row), seq: bigintAt(seq, row) };
    }
  }

  end(next: string | null): Uint8Array {
    this.#out.ascii(`\n],"next":${JSON.stringify(next)}}\n`);
    return this.#out.take();
  }
}

function bigintAt(vector: ColumnVector | undefined, row: number): bigint {
  const value = vector?.valueAt(row);
  assert(typeof value === "bigint", "a page has its rows' times and positions");
  return value;
}

function planOf(dataset: string, relations: EngineRelations): DatasetPlan {
  const plan = relations.planOf(dataset);
  if (plan !== undefined) return plan;
  throw new KurobeError(
    "KRB_QUERY_UNKNOWN_RELATION",
    `there is no dataset ${dataset.slice(0, 100)}`,
  );
}

function limitOf(request: PageRequest): number {
  const { limit = DEFAULT_PAGE_ROWS } = request;
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE_ROWS) return limit;
  throw new KurobeError("KRB_QUERY_PAGE_SIZE", `a page of ${limit} rows`);
}

function columnsOf(request: PageRequest, plan: DatasetPlan): readonly string[] {
  const known = plan.columns.map((column) => column.name);
  const names = [...new Set(request.columns ?? known)];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownColumn(unknown);
  return names.length === 0 ? known : names;
}

/** What a cursor belongs to. The page size may change on the way. */
function question(request: PageRequest, plan: DatasetPlan): string {
  const filters = (request.filters ?? []).map(({ column, operator, value }) => [
    column,
    operator,
    value,
  ]);
  return JSON.stringify([plan.name, request.order ?? "desc", filters, columnsOf(request, plan)]);
}
