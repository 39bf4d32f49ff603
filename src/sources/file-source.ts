/** Reads the files of one folder pattern, each of their records once. */
import { setTimeout as delay } from "node:timers/promises";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type Clock } from "../core/clock.ts";
import { type Ingest } from "../ingest/ingest.ts";
import { type SourcePlan } from "../plan/plan.ts";
import { decodeCursor, encodeCursor, type FileCursor } from "./file-cursor.ts";
import { type Glob, listFiles, parseGlob } from "./glob.ts";
import { csvHeaderOf, headOf, type Identity, kindOf, openFile, readFrom } from "./read-file.ts";
import { type OpenedFile } from "./read-file.ts";
import { setAside } from "./set-aside.ts";
import { type SourceStatus } from "./sources.ts";
import { cut } from "./split-file.ts";
import { removeFile } from "./take-away.ts";

type Outcome = Awaited<ReturnType<Ingest["accept"]>>;

export interface FileSourceDeps {
  readonly ingest: Ingest;
  readonly clock: Clock;
  /** What the pattern is relative to, absolute. */
  readonly directory: string;
  /** Bodies of about this size: what one source holds in memory. */
  readonly sliceBytes: number;
}

interface Seen {
  readonly identity: Identity;
  readonly sinceMs: number;
}

/** Files that are gone are remembered up to this number, should they come back. */
const MAX_GONE = 10_000;
/** After a refusal that passes: the engine is busy, the disk is full. */
const RETRY_AFTER_MS = 500;

export class FileSource {
  readonly #plan: SourcePlan;
  readonly #deps: FileSourceDeps;
  readonly #glob: Glob;
  /** Sizes and times of the last look: a file that is written to has not settled. */
  #seen: ReadonlyMap<string, Seen> = new Map();
  /** Files that lie where they were although they cannot be read. */
  readonly #hopeless = new Map<string, number>();
  #state: SourceStatus["state"] = "watching";
  #current: string | null = null;
  #filesWaiting = 0;
  #waitingBytes = 0;
  #filesDone = 0;
  #filesRejected = 0;
  #rows = 0;
  #lastProblem: SourceStatus["lastProblem"] = null;

  constructor(plan: SourcePlan, deps: FileSourceDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.#glob = parseGlob(plan.path, deps.directory);
  }

  get status(): SourceStatus {
    const { name, kind, into, path } = this.#plan;
    return {
      name,
      kind,
      into,
      path,
      state: this.#state,
      current: this.#current,
      filesWaiting: this.#filesWaiting,
      waitingBytes: this.#waitingBytes,
      filesDone: this.#filesDone,
      filesRejected: this.#filesRejected,
      rows: this.#rows,
      lastProblem: this.#lastProblem,
    };
  }

  /** Ends when the signal says so, or the engine takes nothing any more. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look(signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#problem(null, error);
        if (isKurobeError(error, "KRB_CORE_CLOSED") || isKurobeError(error, "KRB_ENGINE_FAILED")) {
          break;
        }
      }
      await delay(this.#plan.everyUs / 1000, undefined, { signal }).catch(() => undefined);
    }
    this.#state = "stopped";
  }

  async #look(signal: AbortSignal): Promise<void> {
    const paths = await listFiles(this.#glob);
    // A folder that is not mounted has no files, which does not mean that they are gone.
    if (paths === undefined) return;
    const seen = await this.#survey(paths);
    for (const path of paths) {
      if (signal.aborted) return;
      await this.#tryFile(path, async () => {
        await using file = await openFile(path);
        if (file !== undefined) await this.#visit(file, signal);
      });
    }
    await this.#forgetGone(seen);
  }

  /** Remembers what each file looks like, and counts what is left to read. */
  async #survey(paths: readonly string[]): Promise<ReadonlyMap<string, Seen>> {
    const seen = new Map<string, Seen>();
    let done = 0;
    let waitingBytes = 0;
    for (const path of paths) {
      const identity = await this.#tryFile(path, async () => {
        await using file = await openFile(path);
        return file?.identity;
      });
      if (identity === undefined) continue;
      seen.set(identity.key, { identity, sinceMs: this.#unchangedSince(identity) });
      const cursor = this.#cursorOf(identity);
      const readBytes = cursor === undefined ? 0 : (cursor.doneBytes ?? cursor.offset);
      if (readBytes === identity.sizeBytes) done++;
      else waitingBytes += Math.max(0, identity.sizeBytes - readBytes);
    }
    this.#seen = seen;
    this.#filesDone = done;
    this.#filesWaiting = seen.size - done;
    this.#waitingBytes = waitingBytes;
    return seen;
  }

  #unchangedSince(identity: Identity): number {
    const before = this.#seen.get(identity.key);
    const isSame =
      before?.identity.sizeBytes === identity.sizeBytes &&
      before.identity.mtimeMs === identity.mtimeMs;
    return isSame ? before.sinceMs : this.#deps.clock.monotonicMs();
  }

  #cursorOf({ key }: Identity): FileCursor | undefined {
    const value = this.#deps.ingest.cursors(this.#plan.name).get(key);
    return value === undefined ? undefined : decodeCursor(value);
  }

  /** A problem of one file is no problem of the others. */
  async #tryFile<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isKurobeError(error, "KRB_SOURCES_FILE")) throw error;
      this.#problem(path, error);
      return undefined;
    }
  }

  async #visit(file: OpenedFile, signal: AbortSignal): Promise<void> {
    const { path, identity } = file;
    if (this.#hopeless.get(identity.key) === identity.mtimeMs) return;
    const known = this.#cursorOf(identity);
    const cursor = known !== undefined && (await isStill(file, known)) ? known : undefined;
    if (cursor?.doneBytes === identity.sizeBytes) {
      if (this.#plan.after === "delete") await removeFile(path, identity);
      return;
    }
    if (cursor !== undefined && cursor.doneBytes !== null) {
      const words = `${path} has changed after it was read to its end; follow: true reads on`;
      throw new KurobeError("KRB_SOURCES_FILE", words);
    }
    if (identity.sizeBytes === 0 || !this.#isReady(identity)) return;
    const offset = cursor?.offset ?? 0;
    if (this.#plan.follow && identity.sizeBytes <= offset) {
      if (identity.sizeBytes === offset) return;
      const words = `${path} has ${identity.sizeBytes} bytes, but ${offset} were read`;
      throw new KurobeError("KRB_SOURCES_FILE", words, {
        hint: "Rotate files by renaming them, not by cutting them.",
      });
    }
    await this.#read(file, offset, signal);
  }

  #isReady(identity: Identity): boolean {
    if (this.#plan.follow) return true;
    const sinceMs = this.#seen.get(identity.key)?.sinceMs ?? this.#deps.clock.monotonicMs();
    return this.#deps.clock.monotonicMs() - sinceMs >= this.#plan.settleUs / 1000;
  }

  async #read(file: OpenedFile, from: number, signal: AbortSignal): Promise<void> {
    const place = { offset: from };
    this.#state = "reading";
    this.#current = file.path;
    try {
      await this.#readSlices(file, place, signal);
    } catch (error) {
      if (signal.aborted) return;
      const isBad =
        isKurobeError(error, "KRB_SOURCES_RECORD") ||
        isKurobeError(error, "KRB_INGEST_TOO_LARGE") ||
        isKurobeError(error, "KRB_SOURCES_FILE");
      if (!isBad) throw error;
      await this.#reject(file, place.offset, error.message, error.hint);
    } finally {
      this.#state = "watching";
      this.#current = null;
      this.#waitingBytes = Math.max(0, this.#waitingBytes - (place.offset - from));
    }
  }

  async #readSlices(
    file: OpenedFile,
    place: { offset: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { path, identity } = file;
    const kind = kindOf(path, this.#plan.format);
    const isGrowing = this.#plan.follow && kind.compression === "none";
    const { maxBodyBytes } = this.#deps.ingest.limits;
    const header = kind.format === "csv" ? await csvHeaderOf(file, kind) : new Uint8Array();
    const slices = cut(readFrom(file, kind, place.offset), {
      format: kind.format,
      targetBytes: Math.min(this.#deps.sliceBytes, maxBodyBytes),
      maxBytes: maxBodyBytes - header.length,
      path,
      isGrowing,
    });
    const next = slices[Symbol.asyncIterator]();
    for (let slice = await next.next(); slice.done !== true && !signal.aborted;) {
      const bytes = slice.value;
      const following = await next.next();
      const isLast = following.done === true && !isGrowing;
      const repeated = place.offset === 0 ? new Uint8Array() : header;
      const offset = place.offset + bytes.length;
      const head = await headOf(file, kind.compression === "none" ? offset : undefined);
      const cursor = { path, offset, head, doneBytes: isLast ? identity.sizeBytes : null };
      const body = repeated.length === 0 ? bytes : Buffer.concat([repeated, bytes]);
      const outcome = await this.#submit(body, kind.format, identity.key, cursor, signal);
      if (outcome === undefined) break;
      if (outcome.kind === "refused") {
        await this.#reject(file, place.offset, outcome.reason, outcome.hint);
        break;
      }
      place.offset = offset;
      this.#rows += outcome.accepted;
      if (isLast) await this.#finish(file);
      slice = following;
    }
    await slices.return(undefined);
  }

  async #finish({ path, identity }: OpenedFile): Promise<void> {
    this.#filesDone++;
    this.#filesWaiting--;
    if (this.#plan.after === "delete") await removeFile(path, identity);
  }

  /** Waits while the engine is busy. Undefined: the source is to stop. */
  async #submit(
    body: Uint8Array,
    format: SourceFormat,
    key: string,
    cursor: FileCursor,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { ingest } = this.#deps;
    const { name, into } = this.#plan;
    while (!signal.aborted) {
      try {
        using _room = ingest.reserve(body.length);
        return await ingest.accept({
          dataset: into,
          format,
          body,
          onInvalid: "dead_letter",
          producer: `source:${name}`,
          idempotencyKey: "",
          cursor: { source: name, key, value: encodeCursor(cursor) },
        });
      } catch (error) {
        if (!isKurobeError(error) || error.entry.retry !== "backoff") throw error;
        if (error.code === "KRB_CORE_CLOSED") throw error;
        this.#state = "waiting";
        await delay(RETRY_AFTER_MS, undefined, { signal }).catch(() => undefined);
        this.#state = "reading";
      }
    }
    return undefined;
  }

  async #reject(
    { path, identity }: OpenedFile,
    takenBytes: number,
    reason: string,
    hint: string,
  ): Promise<void> {
    const rejectedAt = new Date(Number(this.#deps.clock.nowUs() / 1000n)).toISOString();
    const source = this.#plan.name;
    const rejection = { source, path, reason, hint, takenBytes, rejectedAt };
    const place = await setAside(rejection, identity);
    if (place === path) this.#hopeless.set(identity.key, identity.mtimeMs);
    this.#filesRejected++;
    this.#lastProblem = { path: place, reason, at: rejectedAt };
  }

  #problem(path: string | null, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const at = new Date(Number(this.#deps.clock.nowUs() / 1000n)).toISOString();
    this.#lastProblem = { path, reason, at };
  }

  async #forgetGone(seen: ReadonlyMap<string, unknown>): Promise<void> {
    const { ingest } = this.#deps;
    const gone = [...ingest.cursors(this.#plan.name).keys()].filter((key) => !seen.has(key));
    if (gone.length <= MAX_GONE * 2) return;
    await ingest.forgetCursors(this.#plan.name, gone.slice(0, gone.length - MAX_GONE));
  }
}

type SourceFormat = Parameters<Ingest["accept"]>[0]["format"];

/** Another file may have got the place on the disk of one that was read and removed. */
async function isStill(file: OpenedFile, { head }: FileCursor): Promise<boolean> {
  const found = await headOf(file, head.bytes);
  return found.bytes === head.bytes && found.hash === head.hash;
}
