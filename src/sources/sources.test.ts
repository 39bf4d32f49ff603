import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openServed, type Served } from "../../test/support/served-platform.ts";
import { column, dataset, defineProject, files, type FilesSpec } from "../index.ts";
import { openSources, type Sources, type SourceStatus } from "./sources.ts";

const events = dataset({
  columns: { at: column.timestamp(), id: column.int64(), note: column.text().nullable() },
  eventTime: "at",
});

const AT = "2026-01-01T00:00:00Z";

function line(id: number, note = "x"): string {
  return `${JSON.stringify({ at: AT, id, note })}\n`;
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, i) => line(from + i)).join("");
}

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-sources-"));
  await mkdir(join(directory, "in"));
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

interface Running extends AsyncDisposable {
  readonly served: Served;
  readonly sources: Sources;
}

/** Small slices, so that a few kilobytes are many of them. */
async function run(spec: Partial<FilesSpec>): Promise<Running> {
  const project = defineProject({
    name: "reader",
    datasets: { events },
    sources: {
      incoming: files({ into: events, path: "in/**", settle: "0s", every: "20ms", ...spec }),
    },
  });
  const served = await openServed(project, { directory: join(directory, "data") });
  const { plan, ingest } = served.platform;
  const sources = openSources(plan, { ingest, directory, sliceBytes: 1000 });
  return {
    served,
    sources,
    [Symbol.asyncDispose]: async () => {
      await sources[Symbol.asyncDispose]();
      await served[Symbol.asyncDispose]();
    },
  };
}

function statusOf({ sources }: Running): SourceStatus {
  const [status] = sources.status();
  if (status === undefined) throw new Error("there is no source");
  return status;
}

/** Waits until the source is where it should be. */
async function until(running: Running, isThere: (status: SourceStatus) => boolean): Promise<void> {
  for (let tries = 0; tries < 1500; tries++) {
    if (isThere(statusOf(running))) return;
    await delay(10);
  }
  throw new Error(`it never came: ${JSON.stringify(statusOf(running))}`);
}

async function ask({ served }: Running, sql: string): Promise<unknown> {
  const response = await served.fetch("/v1/sql", {
    method: "POST",
    body: sql,
    headers: { "content-type": "text/plain" },
  });
  return ((await response.json()) as { rows: unknown }).rows;
}

const COUNTS = "SELECT count(*), count(DISTINCT id) FROM events";

describe("a source of files", () => {
  it("reads each file once, in every format, across restarts", async () => {
    const csv = `id,at,note\n${Array.from({ length: 100 }, (_, i) => `${1000 + i},${AT},"a\nb"\n`).join("")}`;
    await mkdir(join(directory, "in/deep/er"), { recursive: true });
    await writeFile(join(directory, "in/a.ndjson"), lines(0, 100));
    await writeFile(join(directory, "in/b.jsonl"), lines(100, 200).trimEnd());
    await writeFile(join(directory, "in/deep/c.csv"), csv);
    await writeFile(join(directory, "in/deep/er/d.ndjson.gz"), gzipSync(lines(200, 300)));
    await writeFile(join(directory, "in/e.ndjson.br"), brotliCompressSync(lines(300, 400)));
    await writeFile(join(directory, "in/f.json"), `[${line(400)},${line(401)}]`);
    await writeFile(join(directory, "in/.hidden.ndjson"), line(999));
    {
      await using running = await run({});
      await until(running, (status) => status.filesDone === 6);
      expect(await ask(running, COUNTS)).toEqual([[502, 502]]);
      expect(statusOf(running)).toMatchObject({ rows: 502, waitingBytes: 0, filesRejected: 0 });
      await running.served.platform.engine.checkpoint("test");
    }
    await rename(join(directory, "in/a.ndjson"), join(directory, "in/moved.ndjson"));
    await writeFile(join(directory, "in/g.ndjson"), lines(402, 403));
    await using again = await run({});
    await until(again, (status) => status.filesDone === 7);
    expect(await ask(again, COUNTS)).toEqual([[503, 503]]);
    expect(statusOf(again).rows).toBe(1);
  });

  it("goes on in the middle of a file where it was stopped", async () => {
    const path = join(directory, "in/a.ndjson.gz");
    await writeFile(path, gzipSync(lines(0, 2000)));
    let rows = 0;
    {
      await using running = await run({});
      await until(running, (status) => status.rows > 0);
      await running.sources[Symbol.asyncDispose]();
      rows = statusOf(running).rows;
    }
    expect(rows).toBeLessThan(2000);
    await using running = await run({});
    await until(running, (status) => status.filesDone === 1);
    expect(await ask(running, COUNTS)).toEqual([[2000, 2000]]);
  });

  it("follows files that grow, record by record, through renames", async () => {
    const path = join(directory, "in/app.csv");
    await writeFile(path, "at,id");
    await using running = await run({ follow: true, path: "in/*.csv*" });
    await appendFile(path, `,note\n${AT},1,"one\n`);
    await appendFile(path, `more"\n${AT},2,tw`);
    await until(running, (status) => status.rows === 1);
    await appendFile(path, `o\n`);
    await rename(path, join(directory, "in/app.csv.1"));
    await writeFile(path, `id,at\n3,${AT}\n`);
    await until(running, (status) => status.rows === 3);
    expect(await ask(running, "SELECT id, note FROM events ORDER BY id")).toEqual([
      [1, "one\nmore"],
      [2, "two"],
      [3, null],
    ]);
  });

  it("takes another file for another one, even at the same place on the disk", async () => {
    await using running = await run({ after: "delete" });
    for (let round = 0; round < 5; round++) {
      await writeFile(join(directory, "in/same.ndjson"), lines(round * 10, round * 10 + 10));
      await until(running, (status) => status.rows === (round + 1) * 10);
      for (let tries = 0; tries < 500; tries++) {
        if ((await readdir(join(directory, "in"))).length === 0) break;
        await delay(10);
      }
    }
    expect(await ask(running, COUNTS)).toEqual([[50, 50]]);
  });

  it("waits until a file has settled", async () => {
    const path = join(directory, "in/slow.ndjson");
    await writeFile(path, line(0));
    await using running = await run({ settle: "400ms" });
    for (let i = 1; i < 10; i++) {
      await appendFile(path, line(i));
      await delay(20);
    }
    await until(running, (status) => status.filesDone === 1);
    expect(await ask(running, COUNTS)).toEqual([[10, 10]]);
    expect(statusOf(running).lastProblem).toBeNull();
  });

  it("keeps bad rows as dead letters and goes on", async () => {
    await writeFile(join(directory, "in/a.ndjson"), `${line(1)}nonsense\n${line(2)}`);
    await using running = await run({});
    await until(running, (status) => status.filesDone === 1);
    expect(await ask(running, "SELECT raw FROM events.dead_letters")).toEqual([["nonsense"]]);
    expect(await ask(running, COUNTS)).toEqual([[2, 2]]);
  });

  it("says what is wrong with a file that grew after it was read to its end", async () => {
    const path = join(directory, "in/a.ndjson");
    await writeFile(path, line(1));
    await using running = await run({});
    await until(running, (status) => status.filesDone === 1);
    await appendFile(path, line(2));
    await until(running, (status) => status.lastProblem !== null);
    expect(statusOf(running).lastProblem?.reason).toContain("has changed after it was read");
    expect(await ask(running, COUNTS)).toEqual([[1, 1]]);
  });
});

describe("a file that cannot be read", () => {
  it.each([
    ["x.parquet", "this is no Parquet", /parquet/i],
    ["x.json", "[{", /JSON/],
    ["x.csv", "at,id,unheard\n1,2,3\n", /unknown column "unheard"/],
    ["x.ndjson.gz", gzipSync(lines(0, 50)).subarray(0, 100), /unexpected end of file/],
    ["x.tar", "what is this", /no ending that says what it is/],
  ])("is set aside with the reason: %s", async (name, content, reason) => {
    await writeFile(join(directory, "in", name), content);
    await writeFile(join(directory, "in/z.ndjson"), line(1));
    await using running = await run({});
    await until(running, (status) => status.filesRejected === 1 && status.filesDone === 1);
    const found = await readdir(join(directory, "in/rejected"));
    expect(found.sort()).toEqual([name, `${name}.reason.json`].sort());
    const text = await readFile(join(directory, "in/rejected", `${name}.reason.json`), "utf8");
    const written = JSON.parse(text) as { reason: string; takenBytes: number };
    expect(written.reason).toMatch(reason);
    expect(written.takenBytes).toBe(0);
    expect(statusOf(running).lastProblem?.reason).toMatch(reason);
    expect(await ask(running, "SELECT count(*) FROM events")).toEqual([[1]]);
  });

  it("says how much of it was taken before", async () => {
    const good = lines(0, 50);
    const bad = `{"at":"${AT}","id":1,"note":"${"x".repeat(9_000_000)}"}`;
    await writeFile(join(directory, "in/long.ndjson"), good + bad);
    await using running = await run({});
    await until(running, (status) => status.filesRejected === 1);
    const path = join(directory, "in/rejected/long.ndjson.reason.json");
    const written = JSON.parse(await readFile(path, "utf8")) as { takenBytes: number };
    const rows = statusOf(running).rows;
    expect(written.takenBytes).toBe(Buffer.byteLength(lines(0, rows)));
    expect(await ask(running, COUNTS)).toEqual([[rows, rows]]);
  });
});

describe("what a project says of sources", () => {
  it("is checked with the rest", () => {
    const project = (spec: object): (() => unknown) => {
      return () =>
        openServed(
          defineProject({
            name: "wrong",
            datasets: { events },
            sources: { incoming: files(spec as FilesSpec) },
          }),
        );
    };
    return Promise.all(
      [
        [{ into: "nothing", path: "x" }, /sources.incoming.into: found "nothing"/],
        [{ into: events, path: "" }, /sources.incoming.path/],
        [{ into: events, path: "a{b" }, /closed braces/],
        [{ into: events, path: "a", format: "xml" }, /sources.incoming.format/],
        [
          { into: events, path: "a", format: "parquet", follow: true },
          /follow: found true with parquet/,
        ],
        [{ into: events, path: "a", every: "0s" }, /sources.incoming.every/],
        [{ into: events, path: "a", folder: "b" }, /an unknown key/],
      ].map(([spec, message]) =>
        expect(project(spec as object)()).rejects.toThrow(message as RegExp),
      ),
    );
  });
});
