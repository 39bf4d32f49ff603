/**
 * Writes files of rows that a checkpoint holds, each row into exactly one file.
 *
 * A batch is the rows between two checkpoints. Its files appear under temporary names, then a
 * record names them (that is the moment at which the batch is delivered), then they get their
 * names. A start after a crash finishes what the newest record says, and removes the rest.
 */
import { copyFile, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { KurobeError } from "../core/errors.ts";
import { type Engine, type Exported } from "../engine/engine.ts";
import { type FilePlan } from "../plan/sinks/file.ts";

export interface FileSinkDeps {
  readonly engine: Pick<Engine, "exportSettled">;
  /** What a relative directory counts from. */
  readonly folder: string;
  /** How often the source was computed anew. */
  readonly epoch: number;
}

interface BatchRecord {
  readonly epoch: number;
  readonly throughSeq: number;
  /** Relative to the sink's directory. */
  readonly files: readonly string[];
}

const RECORD = "_delivered.json";
const TEMPORARY = ".tmp";

export class FileSink {
  readonly kind = "files";
  readonly #plan: FilePlan;
  readonly #deps: FileSinkDeps;
  readonly #directory: string;

  constructor(plan: FilePlan, deps: FileSinkDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.#directory = resolve(deps.folder, plan.directory);
  }

  /** The last row that lies in a file; 0 when there is none of this epoch. */
  async recover(): Promise<number> {
    return await this.#outside(async () => {
      await mkdir(this.#directory, { recursive: true });
      const record = await this.#readRecord();
      await this.#finish(record?.files ?? []);
      await this.#removeTemporary();
      return record?.epoch === this.#deps.epoch ? record.throughSeq : 0;
    });
  }

  /** The next batch, or null when no checkpoint holds more. */
  async deliver(afterSeq: number): Promise<Exported | null> {
    const { format, partition } = this.#plan;
    const exported = await this.#deps.engine.exportSettled(this.#plan.from, {
      label: this.#plan.name,
      afterSeq,
      format,
      partition,
    });
    if (exported === null) return null;
    await this.#outside(() => this.#place(exported, afterSeq));
    return exported;
  }

  async #place({ files, throughSeq }: Exported, afterSeq: number): Promise<void> {
    const { epoch } = this.#deps;
    const span = `${epoch}-${padded(afterSeq + 1)}-${padded(throughSeq)}`;
    const names: string[] = [];
    for (const { partition, path } of files) {
      const name = join(partition, `${span}.${this.#plan.format}`);
      const temporary = join(this.#directory, name + TEMPORARY);
      await mkdir(dirname(temporary), { recursive: true });
      await copyFile(path, temporary);
      await rm(path);
      await syncPath(temporary);
      await syncPath(dirname(temporary));
      names.push(name);
    }
    await this.#writeRecord({ epoch, throughSeq, files: names });
    await this.#finish(names);
  }

  /** The rename of a record that is whole is what delivers the batch. */
  async #writeRecord(record: BatchRecord): Promise<void> {
    const path = join(this.#directory, RECORD);
    const temporary = path + TEMPORARY;
    {
      await using handle = await open(temporary, "w");
      await handle.writeFile(JSON.stringify(record));
      await handle.sync();
    }
    await rename(temporary, path);
    await syncPath(this.#directory);
  }

  async #readRecord(): Promise<BatchRecord | null> {
    try {
      return JSON.parse(await readFile(join(this.#directory, RECORD), "utf8")) as BatchRecord;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  async #finish(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.#directory, name);
      await rename(path + TEMPORARY, path).catch((error: unknown) => {
        // Done before the crash, or taken away by its reader since.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      });
      await syncPath(dirname(path)).catch(() => undefined);
    }
  }

  async #removeTemporary(): Promise<void> {
    const found = await readdir(this.#directory, { recursive: true, withFileTypes: true });
    for (const entry of found) {
      if (!entry.isFile() || !isOwnTemporary(entry.name)) continue;
      await rm(join(entry.parentPath, entry.name));
    }
  }

  async #outside<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new KurobeError("KRB_SINKS_UNREACHABLE", `${this.#directory}: ${reason}`, { cause });
    }
  }
}

function padded(seq: number): string {
  return String(seq).padStart(12, "0");
}

/** Only what this file makes is removed: the directory may hold other people's files. */
function isOwnTemporary(name: string): boolean {
  return /^\d+-\d{12,}-\d{12,}\.(ndjson|csv|parquet)\.tmp$/.test(basename(name));
}

async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
