import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CertificateFiles,
  hasOpenssl,
  makeCertificate,
} from "../../test/support/certificate.ts";
import { readTls } from "./tls.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-tls-"));
});
afterAll(() => rm(directory, { recursive: true }));

function read(cert: string | null, key: string | null): ReturnType<typeof readTls> {
  return readTls(directory, { tlsCertificate: cert, tlsKey: key });
}

function refusal(message: RegExp): object {
  return {
    code: "KRB_PLATFORM_SETTINGS",
    message: expect.stringMatching(message) as string,
  };
}

describe("TLS files", () => {
  it("are not asked for without a certificate", async () => {
    expect(await read(null, null)).toBeNull();
  });

  it("need each other, and have to be there", async () => {
    await expect(read("a.pem", null)).rejects.toMatchObject(refusal(/--tls-key/));
    await expect(read(null, "a.key")).rejects.toMatchObject(refusal(/--tls-cert/));
    await expect(read("a.pem", "a.key")).rejects.toMatchObject(refusal(/--tls-cert.*ENOENT/));
  });

  it.skipIf(!hasOpenssl)("have to hold a certificate and its own key", async () => {
    const [one, two] = ["one", "two"].map((name) => makeCertificate(directory, name)) as [
      CertificateFiles,
      CertificateFiles,
    ];
    const found = await read("one.pem", one.key);
    expect(found?.cert).toContain("BEGIN CERTIFICATE");
    expect(found?.key).toContain("PRIVATE KEY");
    await expect(read(one.cert, two.key)).rejects.toMatchObject(refusal(/is not the key of/));
    await expect(read(one.key, one.cert)).rejects.toMatchObject(refusal(/a certificate as PEM/));
    await writeFile(join(directory, "empty.key"), "");
    await expect(read(one.cert, "empty.key")).rejects.toMatchObject(refusal(/private key as PEM/));
  });
});
