/**
 * One process at a time on a data directory. The lock is a file that names its owner; it appears
 * whole or not at all, and that of an owner who died is taken over.
 *
 * Taking over is safe among many starters: whoever wants to replace the record of a dead owner must
 * first hold `<lock>.takeover-<token of that record>` (a lock like this one), and then look again.
 * A token is never used twice, so a record can be replaced once only.
 *
 * Whether an owner on this machine lives, the system says. An owner in another container or on
 * another machine must show it: it counts a number up in the file, and is dead when that stops.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Disk, diskErrorCode, type DiskFile } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { findLiveness, ownIdentity, type ProcessIdentity } from "../core/process-identity.ts";
import { accessError } from "./log-failures.ts";

const BEAT_DIGITS = 12;
/** More starters than this at the very same moment would all have to die half-way. */
const MAX_DEPTH = 8;

export interface DirectoryLockOptions {
  readonly disk: Disk;
  /** How often the owner shows that it lives. Default 2,000. */
  readonly beatMs?: number;
  /** How long an owner that only its beat can tell of may show none. Default 15,000. */
  readonly patienceMs?: number;
  /** Called before such a wait. */
  readonly onWait?: (owner: ProcessIdentity) => void;
}

export interface DirectoryLock extends AsyncDisposable {
  /** Aborted if another process has taken over, as it may after this one slept too long. */
  readonly signal: AbortSignal;
}

interface LockRecord extends ProcessIdentity {
  readonly token: string;
}

/** What is in the file: a record, or something that no living owner can have written. */
interface Found {
  readonly record: LockRecord | undefined;
  readonly text: string;
}

/**
 * `path` is the lock file, `<data directory>/lock`. Throws KRB_LOG_LOCKED, which names the owner's
 * process id, and KRB_LOG_ACCESS where the directory cannot be written.
 */
export async function lockDirectory(
  path: string,
  options: DirectoryLockOptions,
): Promise<DirectoryLock> {
  const record = { ...ownIdentity(), token: randomUUID() };
  try {
    await claim(path, record, options, 0);
    const file = await options.disk.open(path, "write");
    return new HeldLock(path, record.token, file, options);
  } catch (error) {
    throw accessError(path, error);
  }
}

async function claim(
  path: string,
  record: LockRecord,
  options: DirectoryLockOptions,
  depth: number,
): Promise<void> {
  const { disk } = options;
  if (depth > MAX_DEPTH) throw lockedError(path, undefined);
  for (;;) {
    if (await disk.createExclusive(path, encodeRecord(record))) return;
    const found = await read(path, disk);
    if (found === undefined) continue;
    if (await isAlive(path, found, options)) throw lockedError(path, found.record);
    const takeover = `${path}.takeover-${found.record?.token ?? "unreadable"}`;
    await claim(takeover, { ...record, token: randomUUID() }, options, depth + 1);
    try {
      const now = await read(path, disk);
      if (now === undefined || !isSameOwner(now, found)) continue;
      const replacement = `${path}.${record.token}`;
      await disk.createExclusive(replacement, encodeRecord(record));
      await disk.rename(replacement, path);
      return;
    } finally {
      // A leftover names a process that ends one day, and stands in the way of nobody.
      await disk.remove(takeover).catch(() => undefined);
    }
  }
}

async function isAlive(
  path: string,
  { record, text }: Found,
  { disk, patienceMs = 15_000, onWait }: DirectoryLockOptions,
): Promise<boolean> {
  const liveness = record === undefined ? "unknown" : findLiveness(record);
  if (liveness !== "unknown") return liveness === "alive";
  if (record !== undefined) onWait?.(record);
  // An unreadable one is what a power loss leaves; where a file cannot appear whole, its owner
  // may be writing it right now.
  const deadline =
    performance.now() + (record === undefined ? Math.min(1000, patienceMs) : patienceMs);
  while (performance.now() < deadline) {
    await sleep(Math.min(200, patienceMs));
    const now = await read(path, disk);
    // Gone, or somebody else's by now: this owner is not alive, and the caller looks again.
    if (now === undefined || !isSameOwner(now, { record, text })) return false;
    if (now.text !== text) return true;
  }
  return false;
}

/** Without a record there is only the text to go by. */
function isSameOwner(left: Found, right: Found): boolean {
  if (left.record === undefined || right.record === undefined) return left.text === right.text;
  return left.record.token === right.record.token;
}

async function read(path: string, disk: Disk): Promise<Found | undefined> {
  try {
    const text = Buffer.from(await disk.readFile(path)).toString("utf8");
    return { text, record: decodeRecord(text) };
  } catch (error) {
    if (diskErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The beat comes first and has a fixed width, so that it can be written over in place. */
function encodeRecord(record: LockRecord): Uint8Array {
  return Buffer.from(`${beatText(0)}\n${JSON.stringify(record)}\n`, "utf8");
}

function beatText(beat: number): string {
  return String(beat).padStart(BEAT_DIGITS, "0");
}

function decodeRecord(text: string): LockRecord | undefined {
  try {
    const value: unknown = JSON.parse(text.slice(BEAT_DIGITS + 1));
    if (typeof value !== "object" || value === null) return undefined;
    const fields: Partial<Record<keyof LockRecord, unknown>> = value;
    const { pid, token } = fields;
    if (typeof pid !== "number" || typeof token !== "string") return undefined;
    const { started, boot, namespace, host, machine } = fields;
    const place = { namespace: asText(namespace), host: asText(host), machine: asText(machine) };
    return { pid, token, started: asText(started), boot: asText(boot), ...place };
  } catch {
    return undefined;
  }
}

function asText(field: unknown): string {
  return typeof field === "string" ? field : "";
}

function lockedError(path: string, owner: LockRecord | undefined): KurobeError {
  const who =
    owner === undefined
      ? "another process"
      : `process ${owner.pid} on ${owner.host || "this host"}`;
  return new KurobeError("KRB_LOG_LOCKED", `${path} is held by ${who}`, {
    details: { path, pid: owner?.pid, host: owner?.host },
  });
}

class HeldLock implements DirectoryLock {
  readonly #path: string;
  readonly #token: string;
  /** Stays ours even when another file has taken the path. */
  readonly #file: DiskFile;
  readonly #disk: Disk;
  readonly #timer: NodeJS.Timeout;
  readonly #lost = new AbortController();
  #beat = 0;
  #beating: Promise<void> = Promise.resolve();

  constructor(path: string, token: string, file: DiskFile, options: DirectoryLockOptions) {
    this.#path = path;
    this.#token = token;
    this.#file = file;
    this.#disk = options.disk;
    this.#timer = setInterval(() => {
      this.#beating = this.#beating.then(() => this.#showLife()).catch(() => undefined);
    }, options.beatMs ?? 2000);
    this.#timer.unref();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await this.#file[Symbol.asyncDispose]();
    if (await this.#isOurs()) await this.#disk.remove(this.#path);
  }

  async #showLife(): Promise<void> {
    if (!(await this.#isOurs())) {
      clearInterval(this.#timer);
      this.#lost.abort(lockedError(this.#path, (await read(this.#path, this.#disk))?.record));
      return;
    }
    this.#beat += 1;
    await this.#file.write([Buffer.from(beatText(this.#beat))], 0);
  }

  async #isOurs(): Promise<boolean> {
    return (await read(this.#path, this.#disk))?.record?.token === this.#token;
  }
}
