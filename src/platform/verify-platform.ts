/** Checks every durable file of a running platform: manifest, state, chunks, log. */
import { join, relative } from "node:path";
import { manifestPath, readManifest } from "../storage/manifest.ts";
import { type VerifiedFile, verifyManifest } from "../storage/verify.ts";
import { type Platform } from "./open-platform.ts";

export interface VerifyPlatformOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * One result a file. A lease keeps chunks where they are meanwhile; rows keep coming. Throws what
 * `signal` was aborted with.
 */
export async function* verifyPlatform(
  platform: Platform,
  { signal }: VerifyPlatformOptions = {},
): AsyncGenerator<VerifiedFile> {
  const { database, directory, disk, engine, log, store } = platform;
  using lease = engine.relations.lease();
  void lease;
  const { manifest } = store;
  const segments = log.stats().segments;
  const files = manifest === null ? 0 : manifest.chunks.length + 2;
  const total = files + segments;
  const none = { dataset: null, partition: null };
  let done = 0;
  if (manifest !== null) {
    const path = manifestPath(manifest.number);
    const found = await readManifest(disk, directory, manifest.number);
    const bytes = typeof found === "string" ? 0 : await disk.sizeBytes(join(directory, path));
    const problem = typeof found === "string" ? found : null;
    yield { path, bytes, done: ++done, total, ...none, problem };
    await using connection = await database.connect();
    for await (const file of verifyManifest(disk, directory, manifest, { connection, signal })) {
      yield { ...file, done: ++done, total };
    }
  }
  for await (const segment of log.verify({ signal })) {
    const { bytes, problem } = segment;
    const path = relative(directory, segment.path);
    yield { path, bytes, done: ++done, total: Math.max(total, done), ...none, problem };
  }
}
