/** Rows and window results in the order in which they were written, read once for all who watch. */
import { createHash } from "node:crypto";
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { sql } from "../core/sql.ts";
import { canonicalJson } from "../plan/fingerprint.ts";
import { type DatasetPlan, type Plan, type WindowPlan } from "../plan/plan.ts";
import { type ReadingConnection, type Rooms, type ServedChange } from "./rooms.ts";

export interface LiveEvent {
  /** The row's place in the order of its table; also after a restart. */
  readonly seq: number;
  /** The event as server-sent events write it, with its id and the empty line. */
  readonly text: string;
}

/** Rows of one read: what a slow client makes us hold for it. */
export const EVENTS_A_PAGE = 500;

/** Why a client cannot go on where it was. */
export type ResetReason = "malformed" | "foreign" | "beyond";

/** Where a client goes on; with a reason, it has missed something or nobody can tell. */
export interface LivePlace {
  readonly seq: number;
  readonly reset?: ResetReason;
}

/**
 * Each watcher holds its own place and asks for the next page. Those at the same place share one
 * statement, so a thousand of them cost what one costs.
 */
export class LiveFeeds implements AsyncDisposable {
  readonly #rooms: Rooms;
  readonly #plan: Plan;
  readonly #feeds = new Map<string, LiveFeed>();
  readonly #serial = new Serial();
  readonly #stop: () => void;
  #connection: Promise<ReadingConnection> | null = null;

  constructor(plan: Plan, rooms: Rooms) {
    this.#rooms = rooms;
    this.#plan = plan;
    this.#stop = rooms.engine.onCommit((changed) => {
      for (const name of changed) this.#feeds.get(name)?.wake();
    });
  }

  /** Throws KRB_SERVE_NOT_FOUND for a name that is no window's. */
  ofWindow(name: string): LiveFeed {
    if (this.#plan.windows.some((window) => window.name === name)) return this.ofRelation(name);
    throw new KurobeError(
      "KRB_SERVE_NOT_FOUND",
      `there is no window ${JSON.stringify(name.slice(0, 80))}`,
      {
        hint: `The project has: ${this.#plan.windows.map((one) => one.name).join(", ") || "no windows"}.`,
      },
    );
  }

  /** Anything that SQL can name. Throws KRB_QUERY_UNKNOWN_RELATION. */
  ofRelation(name: string): LiveFeed {
    const known = this.#feeds.get(name);
    if (known !== undefined) return known;
    const { engine } = this.#rooms;
    const relation = engine.relations.planOf(name);
    if (relation === undefined) {
      throw new KurobeError(
        "KRB_QUERY_UNKNOWN_RELATION",
        `there is no dataset or window ${JSON.stringify(name.slice(0, 80))}`,
        { hint: `There are: ${engine.relations.names().join(", ")}.` },
      );
    }
    const window = this.#plan.windows.find((one) => one.name === name);
    const feed = new LiveFeed(relation, window, {
      engine,
      firstSeqFrom: (fromUs) => this.#firstSeqFrom(relation, fromUs),
    });
    this.#feeds.set(name, feed);
    return feed;
  }

  /** The first row written whose event time is at or after `fromUs`. */
  #firstSeqFrom({ name, eventTime }: DatasetPlan, fromUs: bigint): Promise<number | null> {
    return this.#serial.run(async () => {
      this.#connection ??= this.#rooms.database.connect();
      const connection = await this.#connection;
      using _lease = this.#rooms.engine.relations.lease();
      const rows = await connection.rows<{ first: bigint | null }>(
        sql`SELECT min(_seq) AS first FROM rows.${sql.id(name)}
             WHERE ${sql.id(eventTime)} >= make_timestamp(${sql.literal(fromUs)})`,
      );
      const first = rows[0]?.first ?? null;
      return first === null ? null : Number(first);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#serial.idle();
    const connection = await this.#connection;
    await connection?.[Symbol.asyncDispose]();
  }
}

interface Reading {
  readonly engine: Pick<Rooms["engine"], "changes" | "lastSeq" | "logId">;
  firstSeqFrom(fromUs: bigint): Promise<number | null>;
}

export class LiveFeed {
  readonly #relation: DatasetPlan;
  readonly #window: WindowPlan | undefined;
  readonly #reading: Reading;
  /** Eight hexadecimal digits that ids of this feed end with. */
  readonly #mark: string;
  readonly #waiting = new Set<() => void>();
  /** Pages of the state as it is now, by the place that they follow. */
  #pages = new Map<number, Promise<readonly LiveEvent[]>>();
  #version = 0;

  constructor(relation: DatasetPlan, window: WindowPlan | undefined, reading: Reading) {
    this.#relation = relation;
    this.#window = window;
    this.#reading = reading;
    this.#mark = markOf(reading.engine.logId, relation, window);
  }

  /** Changes with every row; see `changedSince`. */
  get version(): number {
    return this.#version;
  }

  wake(): void {
    this.#version += 1;
    this.#pages = new Map();
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }

  /** Resolves once there are rows that a read at `version` cannot have seen, or on abort. */
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

  get lastSeq(): number {
    return this.#reading.engine.lastSeq(this.#relation.name);
  }

  idOf(seq: number): string {
    return `${seq}.${this.#mark}`;
  }

  /** Where a client goes on that names this id: right behind it, or from now on with a reason. */
  resumeAt(id: string): LivePlace {
    const match = /^(\d{1,15})\.([0-9a-f]{8})$/.exec(id);
    const last = this.lastSeq;
    if (match === null) return { seq: last, reset: "malformed" };
    if (match[2] !== this.#mark) return { seq: last, reset: "foreign" };
    const seq = Number(match[1]);
    return seq > last ? { seq: last, reset: "beyond" } : { seq };
  }

  /** Before the newest `count` rows. */
  async beforeLast(count: number): Promise<number> {
    const last = this.lastSeq;
    // Places may lie apart, so that more of them are looked at than rows are asked for.
    for (let reach = count; ; reach *= 4) {
      const afterSeq = Math.max(0, last - reach);
      const limit = Math.min(reach, last);
      const changes = limit === 0 ? [] : await this.#changes(afterSeq, limit);
      if (changes.length >= count || afterSeq === 0) {
        const first = changes.at(-count) ?? changes[0];
        return first === undefined ? last : first.seq - 1;
      }
    }
  }

  /** Before the first row written whose event time is at or after `fromUs`; else from now on. */
  async beforeTime(fromUs: bigint): Promise<number> {
    const { lastSeq } = this;
    const first = await this.#reading.firstSeqFrom(fromUs);
    return first === null ? lastSeq : first - 1;
  }

  /** The first rows after `seq`, at most `EVENTS_A_PAGE`. */
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
    const changes = await this.#changes(seq, EVENTS_A_PAGE);
    return changes.map((change) => ({
      seq: change.seq,
      text:
        `id: ${this.idOf(change.seq)}\nevent: ${this.#kindOf(change)}\n` +
        `data: ${JSON.stringify(this.#dataOf(change))}\n\n`,
    }));
  }

  #changes(afterSeq: number, limit: number): Promise<readonly ServedChange[]> {
    return this.#reading.engine.changes(this.#relation.name, { afterSeq, limit });
  }

  #kindOf({ isDeleted, row }: ServedChange): string {
    if (isDeleted) return "retraction";
    if (this.#window === undefined) return "row";
    const revision = Number(row["revision"]);
    if (revision === 0) return "early";
    return revision === 1 ? "result" : "correction";
  }

  /** Which row it was: one that is taken back has nothing but its place. */
  #dataOf({ isDeleted, row }: ServedChange): ServedChange["row"] {
    if (!isDeleted) return row;
    const measures = new Set(this.#window?.measures.map((one) => one.name));
    const isPlace = (name: string): boolean =>
      this.#window === undefined ? this.#relation.key.includes(name) : !measures.has(name);
    return Object.fromEntries(Object.entries(row).filter(([name]) => isPlace(name)));
  }
}

/**
 * What ids of one feed have in common and those of others have not: another data directory, another
 * relation, or results that are computed anew because the project has changed.
 */
function markOf(logId: string, relation: DatasetPlan, window: WindowPlan | undefined): string {
  const { name, eventTime, key } = relation;
  const text = canonicalJson([logId, window ?? { name, eventTime, key }]);
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
