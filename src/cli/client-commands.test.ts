/** The commands that talk to a server, against the real one. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Fault, openFaultyProxy } from "../../test/support/faulty-proxy.ts";
import { type CliOptions, type CliRun, runInMemory } from "../../test/support/memory-terminal.ts";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
  TOKEN,
} from "../../test/support/served-platform.ts";

let served: Served;
let directory: string;

beforeAll(async () => {
  served = await openServed(ticksProject);
});

afterAll(async () => {
  await served[Symbol.asyncDispose]();
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-client-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function run(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return await runInMemory(args, {
    workingDirectory: directory,
    ...options,
    environment: { KUROBE_URL: served.server.url, KUROBE_TOKEN: TOKEN, ...options.environment },
  });
}

async function runJson(args: readonly string[], options: CliOptions = {}): Promise<unknown> {
  const { code, stdout, stderr } = await run([...args, "--json"], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(directory, name), content);
  return name;
}

/** Rows of each test lie in hours of their own, so that tests do not see each other's. */
let nextRow = 0;
function rows(count: number): { readonly text: string; readonly where: string } {
  const from = nextRow;
  nextRow += count + 100_000;
  return { text: tickLines(count, from), where: `price >= ${from} AND price < ${from + count}` };
}

async function countWhere(where: string): Promise<number> {
  const sql = `SELECT count(*) AS n FROM ticks WHERE ${where}`;
  const { rows: found } = (await runJson(["sql", sql])) as { rows: [[number]] };
  return found[0][0];
}

describe("ingest", () => {
  it.each([
    ["rows.ndjson", (text: string) => text],
    ["rows.jsonl.gz", (text: string) => gzipSync(text)],
    ["rows.ndjson.br", (text: string) => brotliCompressSync(text)],
    ["rows.json", (text: string) => `[${text.trimEnd().replaceAll("\n", ",")}]`],
    ["rows.csv", (text: string) => csvOf(text)],
  ])("sends %s, in as many bodies as it takes", async (name, encode) => {
    const { text, where } = rows(1000);
    const path = await file(name, encode(text));
    const result = await runJson(["ingest", "ticks", path, "--body-size", "16KiB"]);
    expect(result).toMatchObject({ accepted: 1000, received: 1000, rejected: 0 });
    expect((result as { bodies: number }).bodies).toBeGreaterThan(name === "rows.json" ? 0 : 2);
    expect(await countWhere(where)).toBe(1000);
  });

  it("reads standard input, and stores what comes twice twice", async () => {
    const { text, where } = rows(10);
    await runJson(["ingest", "ticks", "-"], { stdin: text });
    await runJson(["ingest", "ticks", "-"], { stdin: text });
    expect(await countWhere(where)).toBe(20);
  });

  it("recognises a repeated run by the file's name, or by a key", async () => {
    const { text, where } = rows(500);
    const path = await file("again.ndjson", text);
    const args = ["ingest", "ticks", path, "--body-size", "4KiB"];
    const first = (await runJson(args)) as { bodies: number };
    expect(await runJson(args)).toMatchObject({ replayedBodies: first.bodies, accepted: 500 });
    const keyed = rows(10);
    for (const _ of [1, 2]) {
      await runJson(["ingest", "ticks", "-", "--key", "morning"], { stdin: keyed.text });
    }
    expect(await countWhere(where)).toBe(500);
    expect(await countWhere(keyed.where)).toBe(10);
  });

  it("points at the lines of the file that did not fit", async () => {
    const { text } = rows(300);
    const lines = text.split("\n");
    lines[250] = '{"time":"yesterday","symbol":"X","price":1,"quantity":1}';
    const path = await file("bad.ndjson", lines.join("\n"));
    const args = ["ingest", "ticks", path, "--body-size", "4KiB"];
    expect(await runJson(args)).toMatchObject({
      accepted: 299,
      rejected: 1,
      errors: [{ file: "bad.ndjson", line: 251, reason: expect.stringContaining("yesterday") }],
    });
    const shown = await run(["ingest", "ticks", await file("same.ndjson", lines.join("\n"))]);
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain("same.ndjson:251");
  });

  it("refuses whole bodies with --on-invalid reject, and says what was stored before", async () => {
    const { text, where } = rows(300);
    const path = await file("strict.ndjson", `${text}{"time":1}\n`);
    const args = ["ingest", "ticks", path, "--body-size", "8KiB", "--on-invalid", "reject"];
    const { code, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/before it, \d+ rows of \d+ bodies were stored/);
    expect(await countWhere(where)).toBeLessThan(300);
  });

  it("stores every row once over a network that loses answers and a server that is busy", async () => {
    const { text, where } = rows(2000);
    const path = await file("rough.ndjson", text);
    const fault = (number: number): Fault => {
      if (number % 4 === 1) return { kind: "lose" };
      if (number % 4 === 2) return { kind: "answer", status: 429, headers: { "retry-after": "0" } };
      return { kind: "none" };
    };
    await using proxy = await openFaultyProxy(served.server.url, fault);
    const args = ["ingest", "ticks", path, "--body-size", "32KiB", "--json", "--url", proxy.url];
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(0);
    expect(stderr).toContain("trying again");
    expect(JSON.parse(stdout)).toMatchObject({ received: 2000, accepted: 2000 });
    expect(await countWhere(where)).toBe(2000);
    // Where a window reads the dataset, a body goes out when the one before it is stored.
    const order = proxy.seen.map(({ key }) => key).filter((key, at, all) => key !== all[at - 1]);
    expect(new Set(order).size).toBe(order.length);
  });

  it("gives up when a server stays busy for longer than it may wait", async () => {
    const busy: Fault = { kind: "answer", status: 503, headers: { "retry-after": "1" } };
    await using proxy = await openFaultyProxy(served.server.url, () => busy);
    const args = ["ingest", "ticks", "-", "--retry-for", "500ms", "--url", proxy.url];
    const { code, stderr } = await run(args, { stdin: rows(1).text });
    expect(code).toBe(2);
    expect(stderr).toContain("503");
  });

  it.each([
    [["ingest", "nope", "-"], "KRB_INGEST_UNKNOWN_DATASET"],
    [["ingest", "ticks", "missing.csv"], "there is no such file"],
    [["ingest", "ticks", "rows.txt"], "KRB_CLI_FORMAT"],
    [["ingest", "ticks", "-", "--parallel", "0"], "--parallel 0"],
  ])("%j is a mistake of the user: %s", async (args, said) => {
    const { code, stderr } = await run(args, { stdin: rows(1).text });
    expect(code).toBe(1);
    expect(stderr).toContain(said);
  });

  it("tells a damaged archive from a missing one", async () => {
    const packed = gzipSync(rows(1000).text);
    const path = await file("cut.ndjson.gz", packed.subarray(0, packed.length - 20));
    const { code, stderr } = await run(["ingest", "ticks", path]);
    expect(code).toBe(1);
    expect(stderr).toContain("cut.ndjson.gz cannot be read: unexpected end of file");
  });
});

describe("sql", () => {
  const sql = "SELECT 42 AS answer, 'a\u001b[2Jb' AS text, NULL AS nothing";

  it("draws a table that is safe for the terminal", async () => {
    const { stdout } = await run(["sql", sql], { columns: 80 });
    expect(stdout).toContain("│     42 │ a\\u001b[2Jb │    NULL │");
    expect(stdout).toMatch(/1 row in /);
  });

  it("takes parameters by name and by place, a statement from a file or a pipe", async () => {
    const named = ["sql", "SELECT $a + 1 AS x, $b AS y", "-p", "a=41", "-p", "b=x=y"];
    expect(await runJson(named)).toMatchObject({ rows: [[42, "x=y"]] });
    const placed = ["sql", "SELECT $1 AS x, $2 AS y", "-p", "null", "-p", "true"];
    expect(await runJson(placed)).toMatchObject({ rows: [[null, true]] });
    const path = await file("query.sql", "SELECT 7 AS x;\n");
    expect(await runJson(["sql", "--file", path])).toMatchObject({ rows: [[7]] });
    expect(await runJson(["sql"], { stdin: "SELECT 8 AS x" })).toMatchObject({ rows: [[8]] });
  });

  it.each([
    ["csv", "answer,text\n42,x\n"],
    ["ndjson", '{"answer":42,"text":"x"}\n'],
  ])("prints %s as the server writes it", async (format, expected) => {
    const { stdout } = await run(["sql", "SELECT 42 AS answer, 'x' AS text", "-f", format]);
    expect(stdout.replaceAll("\r\n", "\n")).toBe(expected);
  });

  it("saves a file whose name says the format, and leaves nothing where it fails", async () => {
    await run(["sql", "SELECT 42 AS answer", "-o", "result.parquet"]);
    const saved = await readFile(join(directory, "result.parquet"));
    expect(saved.subarray(0, 4).toString()).toBe("PAR1");
    const failed = await run(["sql", "SELECT nope", "-o", "other.csv"]);
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toContain("nope");
    expect(await readdir(directory)).toEqual(["result.parquet"]);
  });

  it("shows the first rows of a long result and lets the rest go", async () => {
    const { text } = rows(2000);
    await run(["ingest", "ticks", "-"], { stdin: text });
    const { stdout } = await run(["sql", "SELECT price FROM ticks", "--rows", "5"]);
    expect(stdout.split("\n").filter((line) => /^│ +\d/.test(line))).toHaveLength(5);
    expect(stdout).toContain("the first 5 rows");
    await expect.poll(() => served.rooms.query.status().running).toBe(0);
  });

  it.each([
    [["sql", "SELECT 1", "-o", "result.bin"], "does not say which format"],
    [["sql", "SELECT 1", "-p", "a=1", "-p", "2"], "some parameters have names"],
    [["sql", "SELECT 1", "--timeout", "soon"], "--timeout soon"],
    [["sql", " ; "], "no statement"],
    [["sql", "DROP TABLE ticks"], "KRB_QUERY"],
  ])("%j fails with %s and exit code 1", async (args, said) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stderr).toContain(said);
  });

  it("keeps binary formats off the screen", async () => {
    const { code, stdout } = await run(["sql", "SELECT 1", "-f", "arrow"], { columns: 80 });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("says when the token is wrong", async () => {
    const { code, stderr } = await run(["sql", "SELECT 1", "--token", "guessed"]);
    expect(code).toBe(1);
    expect(stderr).toContain("KRB_SERVE_TOKEN");
  });
});

describe("operators' commands", () => {
  it("show what the engine holds", async () => {
    const { stdout } = await run(["status"], { columns: 80 });
    for (const line of stdout.split("\n")) {
      if (/^[│┌├└]/.test(line)) expect(line.length).toBeLessThanOrEqual(80);
      expect(line).not.toContain("…");
    }
    expect(stdout).toMatch(/● ticks is running/);
    expect(stdout).toMatch(/│ ticks +│/);
    expect(stdout).toMatch(/│ bars +│ ticks/);
    expect(await runJson(["status"])).toMatchObject({ state: "running" });
  });

  it("take checkpoints, list them, and check every file", async () => {
    await run(["ingest", "ticks", "-"], { stdin: rows(100).text });
    const taken = (await runJson(["checkpoint", "now"])) as { number: number; rows: number };
    expect(taken.rows).toBeGreaterThan(0);
    const listed = (await run(["checkpoint", "ls"])).stdout;
    expect(listed).toContain(`│ ${String(taken.number).padStart(6)} │`);
    expect(await runJson(["verify"])).toMatchObject({ damaged: [] });
  });

  it("find a damaged chunk: exit code 2, and its name", async () => {
    await run(["ingest", "ticks", "-"], { stdin: rows(100).text });
    await run(["checkpoint", "now"]);
    const chunk = served.platform.store.manifest?.chunks[0];
    const path = join(served.directory, chunk?.path ?? "");
    const whole = await readFile(path);
    const damaged = Buffer.from(whole);
    damaged[Math.floor(damaged.length / 2)] = (damaged[Math.floor(damaged.length / 2)] ?? 0) ^ 1;
    await writeFile(path, damaged);
    const { code, stdout, stderr } = await run(["verify"]);
    await writeFile(path, whole);
    expect(code).toBe(2);
    expect(stdout).toContain(chunk?.path);
    expect(stderr).toContain("KRB_CLI_DAMAGE");
  });

  it("find a damaged manifest that a start could fall back on", async () => {
    await run(["checkpoint", "now"]);
    await run(["ingest", "ticks", "-"], { stdin: rows(10).text });
    await run(["checkpoint", "now"]);
    const names = (await readdir(join(served.directory, "manifest"))).toSorted();
    expect(names.length).toBeGreaterThan(1);
    const path = join(served.directory, "manifest", names[0] ?? "");
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, whole.length - 2));
    const { code, stdout } = await run(["verify"]);
    await writeFile(path, whole);
    expect(code).toBe(2);
    expect(stdout).toContain(`manifest/${names[0]}`);
    expect(await runJson(["verify"])).toMatchObject({ damaged: [] });
  });

  it("list, retry and purge dead letters", async () => {
    await run(["dlq", "purge", "ticks", "--yes"]);
    const bad = '{"time":"no","symbol":"X","price":1,"quantity":1}\n';
    await run(["ingest", "ticks", "-"], { stdin: bad + bad });
    const { deadLetters } = (await runJson(["dlq", "ls", "ticks"])) as {
      deadLetters: readonly { id: number }[];
    };
    expect(deadLetters).toHaveLength(2);
    expect((await run(["dlq", "ls", "ticks"])).stdout).toContain("expected a timestamp");
    const [first] = deadLetters;
    expect(await runJson(["dlq", "purge", "ticks", "--yes", "--id", String(first?.id)])).toEqual({
      dataset: "ticks",
      purged: 1,
    });
    expect(await runJson(["dlq", "retry", "ticks"])).toMatchObject({ retried: 1, accepted: 0 });
    expect(await runJson(["dlq", "purge", "ticks", "--yes"])).toMatchObject({ purged: 1 });
    expect((await run(["dlq", "ls", "ticks"])).stdout).toContain("no dead letters");
  });

  it("throw nothing away while nobody can answer the question", async () => {
    const { code, stderr } = await run(["dlq", "purge", "ticks"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--yes");
  });

  it("find the token in the data directory", async () => {
    await writeFile(join(served.directory, "token"), `${TOKEN}\n`);
    const environment = { KUROBE_TOKEN: "" };
    const { code } = await run(["status", "--data", served.directory], { environment });
    expect(code).toBe(0);
  });
});

function csvOf(text: string): string {
  const lines = text.trimEnd().split("\n");
  const records = lines.map((line) => {
    const { time, symbol, price, quantity } = JSON.parse(line) as Record<string, unknown>;
    return `${String(time)},"${String(symbol)}",${String(price)},${String(quantity)}`;
  });
  return `time,symbol,price,quantity\n${records.join("\n")}\n`;
}
