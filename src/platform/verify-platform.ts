/** Checks every durable file of a running platform: manifests, state, chunks, log. */
import { join, relative } from "node:path";
import { type Manifest, manifestPath, readManifest } from "../storage/manifest.ts";
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
  const manifests = store.manifests.toReversed();
  const segments = log.stats().segments;
  const files = new Set(manifests.flatMap(filesOf));
  const total = files.size + segments;
  const none = { dataset: null, partition: null };
  // A start may fall back on an older one, so that what only those name counts too.
  const seen = new Set<string>();
  let done = 0;
  await using connection = await database.connect();
  for (const manifest of manifests) {
    const isKept = (): boolean => store.manifests.some(({ number }) => number === manifest.number);
    const path = manifestPath(manifest.number);
    const found = await readManifest(disk, directory, manifest.number);
    // A checkpoint may have let go of it meanwhile.
    if (!isKept()) continue;
    const bytes = typeof found === "string" ? 0 : await disk.sizeBytes(join(directory, path));
    const problem = typeof found === "string" ? found : null;
    yield { path, bytes, done: ++done, total, ...none, problem };
    const options = { connection, signal, without: seen };
    for await (const file of verifyManifest(disk, directory, manifest, options)) {
      if (file.problem !== null && !isKept()) break;
      seen.add(file.path);
      yield { ...file, done: ++done, total: Math.max(total, done) };
    }
  }
  for await (const segment of log.verify({ signal })) {
    const { bytes, problem } = segment;
    const path = relative(directory, segment.path);
    yield { path, bytes, done: ++done, total: Math.max(total, done), ...none, problem };
  }
}

/** What it names, itself included. */
function filesOf({ number, state, chunks }: Manifest): readonly string[] {
  return [manifestPath(number), state.path, ...chunks.map((chunk) => chunk.path)];
}
