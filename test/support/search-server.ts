/** OpenSearch as a server of the tests: one node in one Java process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../bench/kurobe-server.ts";
import { Lifetime } from "../../src/core/lifetime.ts";
import { ROOT } from "../source-files.ts";
import { answers, installed } from "./receiver-servers.ts";

export interface SearchServer extends AsyncDisposable {
  readonly url: string;
  /** JSON in and out; the status is not looked at. */
  ask(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>>;
  /** All documents of an index by their id, also those written just now. */
  documents(index: string): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>>;
}

interface Found {
  readonly hits?: {
    readonly hits: readonly { readonly _id: string; readonly _source: Record<string, unknown> }[];
  };
}

export async function openSearchServer(): Promise<SearchServer> {
  await using opening = new Lifetime();
  const libraries = installed("opensearch");
  const folder = await mkdtemp(join(tmpdir(), "kurobe-search-"));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const child = spawn(
    "java",
    [
      ...["-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", join(libraries, "*")],
      ...[join(ROOT, "scripts", "OpenSearchNode.java"), folder, String(port)],
    ],
    { stdio: "ignore", cwd: folder },
  );
  opening.defer(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    if (child.exitCode === null) await ended;
  });
  await answers(child, port);
  const url = `http://127.0.0.1:${port}`;
  const ask: SearchServer["ask"] = async (method, path, body) => {
    const answer = await fetch(`${url}/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await answer.json()) as Readonly<Record<string, unknown>>;
  };
  await ask("GET", "_cluster/health?wait_for_status=yellow&timeout=60s");
  const lifetime = opening.move();
  return {
    url,
    ask,
    documents: async (index) => {
      await ask("POST", `${index}/_refresh`);
      const found = (await ask("GET", `${index}/_search?size=10000`)) as Found;
      return new Map((found.hits?.hits ?? []).map(({ _id, _source }) => [_id, _source]));
    },
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}
