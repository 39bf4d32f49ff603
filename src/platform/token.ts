/**
 * The token that requests must carry: given as a setting, or made once and kept in the data
 * directory.
 */
import { randomBytes } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const TOKEN_BYTES = 24;

export function tokenPath(dataDirectory: string): string {
  return join(dataDirectory, "token");
}

/** The given token, else the kept one, else a new one that only the owner of the file may read. */
export async function readOrMakeToken(
  dataDirectory: string,
  given: string | null,
): Promise<string> {
  if (given !== null) return given;
  const path = tokenPath(dataDirectory);
  try {
    const kept = (await readFile(path, "utf8")).trim();
    if (kept !== "") return kept;
  } catch {
    // There is none yet, or it cannot be read: writing it below says why.
  }
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  // An existing file keeps its mode on writing.
  await chmod(path, 0o600);
  return token;
}
