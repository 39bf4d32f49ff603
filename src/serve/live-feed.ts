/** Window results in the order in which they were published, read once for all who watch. */
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnPlan, type Plan, type WindowPlan } from "../plan/plan.ts";
import { type ReadingConnection, type Rooms } from "./rooms.ts";

export interface LiveEvent {
  /** The result's place in the window's order; also after a restart. */
  readonly seq: number;
  /** The event as server-sent events write it, with its id and the empty line. */
  readonly text: string;
}

/** Results of one read: what a slow client makes us hold for it. */
export const EVENTS_A_PAGE = 200;

/**
 * Each watcher holds its own place and asks for the next page. Those at the same place share one
 * statement, so a thousand of them cost what one costs.
 */
export class LiveFeeds implements AsyncDisposable {
  readonly #rooms: Rooms;
  readonly #feeds: ReadonlyMap<string, LiveFeed>;
  readonly #serial = new Serial();
  readonly #stop: () => void;
  #connection: Promise<ReadingConnection> | null = null;

  constructor(plan: Plan, rooms: Rooms) {
    this.#rooms = rooms;
    this.#feeds = new Map(
      plan.windows.map((window) => [
        window.name,
        new LiveFeed(window, (statement) => this.#read(statement)),
      ]),
    );
    this.#stop = rooms.engine.onCommit((changed) => {
      for (const name of changed) this.#feeds.get(name)?.wake();
    });
  }

  /** Throws KRB_SERVE_NOT_FOUND for a name that is no window's. */
  of(window: string): LiveFeed {
    const feed = this.#feeds.get(window);
    if (feed !== undefined) return feed;
    throw new KurobeError(
      "KRB_SERVE_NOT_FOUND",
      `there is no window ${JSON.stringify(window.slice(0, 80))}`,
      { hint: `The project has: ${[...this.#feeds.keys()].join(", ") || "no windows"}.` },
    );
  }

  #read<T>(statement: Sql): Promise<T[]> {
    return this.#serial.run(async () => {
      this.#connection ??= this.#rooms.database.connect();
      const connection = await this.#connection;
      using _lease = this.#rooms.engine.relations.lease();
      return connection.rows<T>(statement);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#serial.idle();
    const connection = await this.#connection;
    await connection?.[Symbol.asyncDispose]();
  }
}

type Read = <T>(statement: Sql) => Promise<T[]>;

export class LiveFeed {
  readonly #window: WindowPlan;
  readonly #read: Read;
  readonly #waiting = new Set<() => void>();
  /** Pages of the state as it is now, by the place that they follow. */
  #pages = new Map<number, Promise<readonly LiveEvent[]>>();
  #last: Promise<number> | null = null;
  #version = 0;

  constructor(window: WindowPlan, read: Read) {
    this.#window = window;
    this.#read = read;
  }

  /** Changes with every result; see `changedSince`. */
  get version(): number {
    return this.#version;
  }

  wake(): void {
    this.#version += 1;
    this.#pages = new Map();
    this.#last = null;
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }

  /** Resolves once there are results that a read at `version` cannot have seen, or on abort. */
  changedSince(version: number, signal: AbortSignal): Promise<void> {
    if (version !== this.#version || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const resume = (): void => {
        signal.removeEventListener("abort", resume);
        this.#waiting.delete(resume);
        resolve();
      };
      this.#waiting.add(resume);
      signal.addEventListener("abort", resume, { once: true });
    });
  }

  lastSeq(): Promise<number> {
    if (this.#last !== null) return this.#last;
    const last = this.#loadLast();
    this.#last = last;
    last.catch(() => {
      if (this.#last === last) this.#last = null;
    });
    return last;
  }

  async #loadLast(): Promise<number> {
    const rows = await this.#read<{ last: bigint | null }>(
      sql`SELECT max(_seq) AS last FROM live.${sql.id(this.#window.name)}`,
    );
    return Number(rows[0]?.last ?? 0n);
  }

  /** The first results after `seq`, at most `EVENTS_A_PAGE`. */
  after(seq: number): Promise<readonly LiveEvent[]> {
    const known = this.#pages.get(seq);
    if (known !== undefined) return known;
    const pages = this.#pages;
    const page = this.#load(seq);
    pages.set(seq, page);
    page.catch(() => pages.delete(seq));
    return page;
  }

  async #load(seq: number): Promise<readonly LiveEvent[]> {
    const { name, columns } = this.#window;
    const rows = await this.#read<Record<string, unknown>>(
      sql`SELECT ${sql.join(columns.map(shown))}, _deleted, _seq FROM live.${sql.id(name)}
           WHERE _seq > ${seq} ORDER BY _seq LIMIT ${sql.literal(EVENTS_A_PAGE)}`,
    );
    return rows.map(({ _seq, _deleted, ...row }) => {
      const place = Number(_seq);
      const isTakenBack = _deleted === true;
      const data = isTakenBack ? this.#place(row) : row;
      const corrected = Number(row["revision"]) > 1 ? "correction" : "result";
      const kind = isTakenBack ? "retraction" : corrected;
      return { seq: place, text: `id: ${place}\nevent: ${kind}\ndata: ${rowText(data)}\n\n` };
    });
  }

  /** Which result it was: a window without rows has no measures. */
  #place(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const measures = new Set(this.#window.measures.map((one) => one.name));
    return Object.fromEntries(Object.entries(row).filter(([name]) => !measures.has(name)));
  }
}

/** Times leave DuckDB as the text that every answer has; other types are told by their value. */
function shown({ name, type }: ColumnPlan): Sql {
  const id = sql.id(name);
  if (type.kind === "timestamp") return sql`strftime(${id}, '%Y-%m-%dT%H:%M:%S.%fZ') AS ${id}`;
  if (type.kind === "date") return sql`CAST(${id} AS VARCHAR) AS ${id}`;
  return id;
}

function rowText(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(row, (_, value: unknown) => {
    if (typeof value === "bigint") {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value.toString();
    }
    // JSON has no word for these; a null would look like a missing value.
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
}
