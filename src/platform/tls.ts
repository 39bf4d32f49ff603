/** The certificate that HTTPS shows, and its key. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { KurobeError } from "../core/errors.ts";
import { flagOf, type Settings, type SettingName } from "./setting-table.ts";

/** PEM text. Null without a certificate. Throws KRB_PLATFORM_SETTINGS for files that do not fit. */
export async function readTls(
  directory: string,
  settings: Pick<Settings, "tlsCertificate" | "tlsKey">,
): Promise<{ readonly cert: string; readonly key: string } | null> {
  const { tlsCertificate, tlsKey } = settings;
  if (tlsCertificate === null && tlsKey === null) return null;
  if (tlsCertificate === null || tlsKey === null) {
    throw wrong(tlsKey === null ? "tlsKey" : "tlsCertificate", "is missing beside the other one");
  }
  const cert = await readPem(directory, "tlsCertificate", tlsCertificate);
  const key = await readPem(directory, "tlsKey", tlsKey);
  const certificate = parsed("tlsCertificate", tlsCertificate, () => new X509Certificate(cert));
  const privateKey = parsed("tlsKey", tlsKey, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw wrong("tlsKey", `${tlsKey} is not the key of ${tlsCertificate}`);
  }
  return { cert, key };
}

async function readPem(directory: string, name: SettingName, path: string): Promise<string> {
  try {
    return await readFile(resolve(directory, path), "utf8");
  } catch (cause) {
    throw wrong(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function parsed<T>(name: SettingName, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const what = name === "tlsKey" ? "an unencrypted private key" : "a certificate";
    throw wrong(name, `${path} does not hold ${what} as PEM`, cause);
  }
}

function wrong(name: SettingName, problem: string, cause?: unknown): KurobeError {
  return new KurobeError("KRB_PLATFORM_SETTINGS", `--${flagOf(name)}: ${problem}`, { cause });
}
