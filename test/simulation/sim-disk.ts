/**
 * A disk that can lose its power: a real directory, of which it knows what a crash may leave.
 *
 * Other libraries (DuckDB) may write into the directory as well, past this object: such a file is
 * there, but nothing of it is durable before `syncFile`, and its name not before `syncDirectory`.
 * Everything random comes from seeds; every operation is one step, so that a test can stop the
 * machine before or after any of them. It does not model the renaming of directories.
 */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Disk, type DiskFile } from "../../src/core/disk.ts";
import { seededRandom } from "./random.ts";
import { SimInode } from "./sim-inode.ts";
import { SimNames } from "./sim-names.ts";

/** Thrown by every operation from the crash point on, as if the process were gone. */
export class SimCrash extends Error {
  constructor(operation: string) {
    super(`The simulated machine stopped at: ${operation}`);
    this.name = "SimCrash";
  }
}

export type SimErrorCode = "ENOSPC" | "EIO";

type Operation =
  | "create"
  | "write"
  | "truncate"
  | "sync"
  | "createExclusive"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncFile"
  | "syncDirectory";

interface CrashPoint {
  readonly at: number;
  readonly when: "before" | "after";
}

interface ErrorPoint {
  readonly from: number;
  readonly to: number;
  readonly code: SimErrorCode;
}

const FLAGS = { read: "r", write: "r+", create: "w+" } as const;
const DIRECTORY = "directory";
type Node = SimInode | typeof DIRECTORY;

export class SimDisk implements Disk, AsyncDisposable {
  /** Where everything lies; itself always durable. */
  readonly root: string;
  /** What was done, in order, as `operation path`. */
  readonly history: string[] = [];
  readonly #names = new SimNames<Node>();
  /** The last bytes of files that are gone, for a crash that undoes the removal. */
  readonly #removed = new Map<SimInode, Buffer>();
  readonly #open = new Set<SimFile>();
  #crashPoint: CrashPoint | undefined;
  #errorPoint: ErrorPoint | undefined;
  #isCrashed = false;

  /** In a fresh directory below `parent`. */
  constructor(parent: string = fastDirectory()) {
    this.root = fs.mkdtempSync(join(parent, "kurobe-sim-"));
  }

  /** Changes and syncs so far; reading counts as none. */
  get operations(): number {
    return this.history.length;
  }

  get hasCrashed(): boolean {
    return this.#isCrashed;
  }

  /** How often an operation was done, of all paths or of those that the pattern fits. */
  count(operation: Operation, path = /(?:)/): number {
    return this.history.filter((line) => {
      const [name = "", ...rest] = line.split(" ");
      return name === operation && path.test(rest.join(" "));
    }).length;
  }

  /** Stops the machine at the nth operation from now on (1 is the next), before or after it. */
  failAt(n: number, when: "before" | "after"): void {
    this.#crashPoint = { at: this.operations + n, when };
  }

  /**
   * The nth operation from now on fails, and `times` - 1 after it: a write has then written half,
   * a sync leaves it open what is durable (and no later sync repairs that), others do nothing.
   */
  injectError(n: number, code: SimErrorCode, times = 1): void {
    const from = this.operations + n;
    this.#errorPoint = { from, to: from + times - 1, code };
  }

  /** Forgets the crash point and the errors that have not come up yet. */
  disarm(): void {
    this.#crashPoint = undefined;
    this.#errorPoint = undefined;
  }

  /**
   * Cuts the power, wherever the program is, and starts the machine again: the directory then holds
   * one of the states that a real one could, chosen by the seed. Open files are dead.
   */
  async crash(seed: number): Promise<void> {
    this.#isCrashed = true;
    // Whatever waits for its turn finds the machine stopped.
    await turn();
    const random = seededRandom(seed);
    this.#discover();
    const current = [...this.#names.current];
    const pathOf = new Map(current.map(([path, node]) => [node, path]));
    const names = [...this.#names.afterPowerLoss(random)].sort(byPath);
    const files = new Map<string, Node>();
    const contents = new Map<string, Buffer>();
    for (const [path, node] of names) {
      const parent = dirname(path);
      if (parent !== this.root && files.get(parent) !== DIRECTORY) continue;
      files.set(path, node === DIRECTORY ? DIRECTORY : node);
      if (node === DIRECTORY) continue;
      contents.set(path, node.afterPowerLoss(this.#bytesNow(node, pathOf.get(node)), random));
    }
    this.#restart(files, contents);
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    if (mode === "create") return this.#perform("create", path, () => this.#create(path));
    await this.#turn(path);
    return this.#opened(fs.openSync(path, FLAGS[mode]), path);
  }

  async readFile(path: string): Promise<Uint8Array> {
    await this.#turn(path);
    return fs.readFileSync(path);
  }

  async createExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#perform("createExclusive", path, () => {
      if (fs.existsSync(path)) return false;
      fs.writeFileSync(path, bytes, { flag: "wx" });
      this.#inode(path).note({ kind: "write", offset: 0, bytes: Buffer.from(bytes) });
      return true;
    });
  }

  async list(directory: string): Promise<string[]> {
    await this.#turn(directory);
    return fs.existsSync(directory) ? fs.readdirSync(directory).sort() : [];
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#perform("makeDirectory", path, () => {
      const first = fs.mkdirSync(path, { recursive: true }) ?? path;
      for (let at = path; at.length >= first.length && at !== this.root; at = dirname(at)) {
        this.#names.commit(dirname(at));
        this.#names.setDurable(at, DIRECTORY);
      }
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#perform("rename", from, () => {
      if (fs.statSync(from).isDirectory()) throw new Error("SimDisk renames no directories");
      const moved = this.#inode(from);
      if (fs.existsSync(to)) this.#keepRemoved(to);
      fs.renameSync(from, to);
      this.#names.change([
        { path: from, node: undefined },
        { path: to, node: moved },
      ]);
    });
  }

  async remove(path: string): Promise<void> {
    await this.#perform("remove", path, () => {
      if (fs.existsSync(path)) this.#keepRemoved(path);
      fs.unlinkSync(path);
      this.#names.change([{ path, node: undefined }]);
    });
  }

  async syncFile(path: string): Promise<void> {
    const inode = fs.existsSync(path) ? this.#inode(path) : undefined;
    const sync = (): void => {
      const bytes = fs.readFileSync(path);
      this.#inode(path).commit(bytes);
    };
    await this.#perform("syncFile", path, sync, () => inode?.lose());
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#perform("syncDirectory", path, () => {
      fs.accessSync(path);
      this.#discover();
      this.#names.commit(path);
      for (const inode of this.#removed.keys()) {
        if (!this.#names.mentions(inode)) this.#removed.delete(inode);
      }
    });
  }

  async sizeBytes(path: string): Promise<number> {
    await this.#turn(path);
    return fs.statSync(path).size;
  }

  /** It is full only where an injected error says so. */
  async freeBytes(path: string): Promise<number> {
    await this.#turn(path);
    return Number.MAX_SAFE_INTEGER;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isCrashed = true;
    for (const file of this.#open) await file[Symbol.asyncDispose]();
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  /** One operation: waits its turn, stops or fails where it should, and leaves a trace. */
  async #perform<T>(
    operation: Operation,
    path: string,
    act: () => T,
    actPartly: () => void = () => undefined,
    isDead: () => boolean = () => false,
  ): Promise<T> {
    const line = `${operation} ${path.slice(this.root.length)}`;
    await this.#turn(line, isDead);
    this.history.push(line);
    const point = this.#crashPoint?.at === this.operations ? this.#crashPoint.when : undefined;
    if (point === "before") this.#stop(line);
    this.#throwInjected(line, actPartly);
    const result = act();
    if (point === "after") this.#stop(line);
    return result;
  }

  async #turn(line: string, isDead: () => boolean = () => false): Promise<void> {
    await turn();
    if (this.#isCrashed || isDead()) throw new SimCrash(line);
  }

  #stop(line: string): never {
    this.#isCrashed = true;
    throw new SimCrash(line);
  }

  #throwInjected(line: string, actPartly: () => void): void {
    const { from, to, code } = this.#errorPoint ?? { from: 0, to: 0, code: "EIO" };
    if (this.operations < from || this.operations > to) return;
    actPartly();
    throw Object.assign(new Error(`${code}: simulated, at ${line}`), { code });
  }

  #create(path: string): DiskFile {
    const isNew = !fs.existsSync(path);
    const descriptor = fs.openSync(path, FLAGS.create);
    const inode = this.#inode(path);
    if (!isNew) inode.note({ kind: "truncate", sizeBytes: 0 });
    return this.#opened(descriptor, path);
  }

  #opened(descriptor: number, path: string): SimFile {
    const close = (file: SimFile): void => {
      this.#open.delete(file);
      fs.closeSync(descriptor);
    };
    const file: SimFile = new SimFile(descriptor, this.#inode(path), {
      perform: (operation, act, actPartly) =>
        this.#perform(operation, path, act, actPartly, () => !this.#open.has(file)),
      read: () => this.#turn(path, () => !this.#open.has(file)),
      close,
    });
    this.#open.add(file);
    return file;
  }

  /** What the name stands for; a file that appeared by itself is not durable in any way. */
  #inode(path: string): SimInode {
    const known = this.#names.current.get(path);
    if (known !== undefined && known !== DIRECTORY) return known;
    const node = new SimInode();
    this.#names.change([{ path, node }]);
    return node;
  }

  /** Of a file that somebody else removed only the durable bytes are left. */
  #bytesNow(inode: SimInode, path: string | undefined): Buffer {
    const removed = this.#removed.get(inode);
    if (removed !== undefined) return removed;
    return path === undefined ? inode.durable : fs.readFileSync(path);
  }

  #keepRemoved(path: string): void {
    this.#removed.set(this.#inode(path), fs.readFileSync(path));
  }

  /** Learns what others did to the directory. */
  #discover(): void {
    const found = new Set<string>();
    const entries = fs.readdirSync(this.root, { recursive: true, withFileTypes: true });
    const paths = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
    for (const { entry, path } of paths.sort((a, b) => (a.path < b.path ? -1 : 1))) {
      found.add(path);
      if (entry.isFile()) this.#inode(path);
      else if (!this.#names.current.has(path)) this.#names.setDurable(path, DIRECTORY);
    }
    for (const path of [...this.#names.current.keys()]) {
      if (!found.has(path)) this.#names.change([{ path, node: undefined }]);
    }
  }

  #restart(files: ReadonlyMap<string, Node>, contents: ReadonlyMap<string, Buffer>): void {
    for (const file of this.#open) void file[Symbol.asyncDispose]();
    for (const name of fs.readdirSync(this.root)) {
      fs.rmSync(join(this.root, name), { recursive: true });
    }
    const names = new Map<string, Node>();
    for (const [path, node] of files) {
      const bytes = contents.get(path);
      if (node === DIRECTORY || bytes === undefined) {
        fs.mkdirSync(path);
        names.set(path, DIRECTORY);
      } else {
        fs.writeFileSync(path, bytes);
        names.set(path, new SimInode(bytes));
      }
    }
    this.#names.reset(names);
    this.#removed.clear();
    this.disarm();
    this.#isCrashed = false;
  }
}

interface SimFileHost {
  perform<T>(
    operation: "write" | "truncate" | "sync",
    act: () => T,
    actPartly?: () => void,
  ): Promise<T>;
  /** Waits for its turn; throws where the machine has stopped since the file was opened. */
  read(): Promise<void>;
  close(file: SimFile): void;
}

class SimFile implements DiskFile {
  readonly #descriptor: number;
  readonly #inode: SimInode;
  readonly #host: SimFileHost;
  #isOpen = true;

  constructor(descriptor: number, inode: SimInode, host: SimFileHost) {
    this.#descriptor = descriptor;
    this.#inode = inode;
    this.#host = host;
  }

  async write(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    const write = (bytes: Uint8Array): void => {
      fs.writeSync(this.#descriptor, bytes, 0, bytes.length, offset);
      this.#inode.note({ kind: "write", offset, bytes });
    };
    const whole = (): Buffer => Buffer.concat(buffers);
    const half = (): void => write(whole().subarray(0, Math.floor(whole().length / 2)));
    await this.#host.perform("write", () => write(whole()), half);
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    await this.#host.read();
    return fs.readSync(this.#descriptor, into, 0, into.length, offset);
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#host.perform("truncate", () => {
      fs.ftruncateSync(this.#descriptor, sizeBytes);
      this.#inode.note({ kind: "truncate", sizeBytes });
    });
  }

  async sync(): Promise<void> {
    const commit = (): void => this.#inode.commit(this.#bytes());
    await this.#host.perform("sync", commit, () => this.#inode.lose());
  }

  async sizeBytes(): Promise<number> {
    await this.#host.read();
    return fs.fstatSync(this.#descriptor).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#host.close(this);
  }

  #bytes(): Buffer {
    const bytes = Buffer.alloc(fs.fstatSync(this.#descriptor).size);
    fs.readSync(this.#descriptor, bytes, 0, bytes.length, 0);
    return bytes;
  }
}

/** Durability is simulated, so files in memory do; where there is enough of it. */
function fastDirectory(): string {
  try {
    const { bavail, bsize } = fs.statfsSync("/dev/shm");
    return bavail * bsize > 2 ** 30 ? "/dev/shm" : tmpdir();
  } catch {
    return tmpdir();
  }
}

function byPath([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
