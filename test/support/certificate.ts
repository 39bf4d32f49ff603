/**
 * Certificates for tests, made by the machine's openssl; without one, tests that need them are left
 * out.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";

const OPENSSL = "openssl";

export const hasOpenssl = spawnSync(OPENSSL, ["version"]).status === 0;

export interface CertificateFiles {
  readonly key: string;
  readonly cert: string;
}

/** For localhost, valid for a day; gives the paths of the two PEM files. */
export function makeCertificate(directory: string, name: string): CertificateFiles {
  const paths = { key: join(directory, `${name}.key`), cert: join(directory, `${name}.pem`) };
  execFileSync(
    OPENSSL,
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ...["-keyout", paths.key, "-out", paths.cert],
    ],
    { stdio: "ignore" },
  );
  return paths;
}
