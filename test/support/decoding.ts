/** A decoder with the database and the directory that it needs, for tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "../../src/core/lifetime.ts";
import { nodeDisk } from "../../src/core/node-disk.ts";
import { type DecodeLimits, DEFAULT_DECODE_LIMITS } from "../../src/decode/batch.ts";
import { type Decoder, openDecoder } from "../../src/decode/decoder.ts";
import { type Database, openDatabase } from "../../src/duckdb/duckdb.ts";

export interface Decoding extends AsyncDisposable {
  readonly directory: string;
  readonly database: Database;
  readonly decoder: Decoder;
}

export async function openDecoding(limits: Partial<DecodeLimits> = {}): Promise<Decoding> {
  await using opening = new Lifetime();
  const directory = await mkdtemp(join(tmpdir(), "kurobe-decode-"));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const database = opening.own(
    await openDatabase({
      memoryLimitBytes: 512 * 1024 * 1024,
      threads: 2,
      temporaryDirectory: null,
      maxTemporaryBytes: 0,
      allowedDirectories: [directory],
    }),
  );
  const decoder = opening.own(
    await openDecoder({
      database,
      disk: nodeDisk,
      stagingDirectory: join(directory, "staging"),
      limits: { ...DEFAULT_DECODE_LIMITS, ...limits },
    }),
  );
  const lifetime = opening.move();
  return {
    directory,
    database,
    decoder,
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}
