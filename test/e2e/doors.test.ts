/** How the built package may be reached: with TLS, by which names, from which pages. */
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { expect, it } from "vitest";
import { hasOpenssl, makeCertificate } from "../support/certificate.ts";
import { failedStart, projectDirectory, startServer, TOKEN } from "../support/running-server.ts";
import { eventsProject, problemOf } from "./events-project.ts";

it("refuses an address that others can reach without TLS", async () => {
  await using directory = await projectDirectory();
  const options = { directory: directory.path, project: eventsProject() };
  const refused = await failedStart({ ...options, args: ["--host", "0.0.0.0"] });
  expect(refused.error["code"]).toBe("KRB_SERVE_INSECURE_BIND");
});

it.skipIf(!hasOpenssl)(
  "listens there with a certificate, for the names that it was given",
  async () => {
    await using directory = await projectDirectory();
    const { cert, key } = makeCertificate(directory.path, "server");
    await using server = await startServer({
      directory: directory.path,
      project: eventsProject(),
      args: [
        ...["--host", "0.0.0.0", "--tls-cert", cert, "--tls-key", key],
        ...["--allow-host", "data.example.com, kurobe"],
      ],
    });
    expect(server.url).toMatch(/^https:/);
    const ca = await readFile(cert);
    const status = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${TOKEN}`, host };
        const { port } = new URL(server.url);
        const servername = "localhost";
        request(
          { host: "localhost", servername, port, path: "/v1/status", ca, headers },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        )
          .on("error", reject)
          .end();
      });
    expect(await status("localhost")).toBe(200);
    expect(await status("data.example.com")).toBe(200);
    expect(await status("kurobe")).toBe(200);
    expect(await status("evil.example.com")).toBe(421);
  },
);

it("lets pages of the origins that it was given read answers, and no others", async () => {
  await using directory = await projectDirectory();
  const origin = "https://console.example.com";
  await using server = await startServer({
    directory: directory.path,
    project: eventsProject(),
    args: ["--allow-origin", `${origin},http://localhost:3000`],
  });
  const allowed = await server.fetch("/v1/status", { headers: { origin } });
  expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
  const other = await server.fetch("/v1/status", { headers: { origin: "https://evil.example" } });
  expect(await problemOf(other)).toMatchObject({ status: 403 });
  // Nothing that a user has to read through before the first line that matters.
  expect(server.errors()).toBe("");
});
