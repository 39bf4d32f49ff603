/** `kurobe tail` against the real server, over real connections that break. */
import { once } from "node:events";
import { expect, it } from "vitest";
import {
  type CliOptions,
  type CliRun,
  runInMemory,
} from "../../../test/support/memory-terminal.ts";
import { openRelay } from "../../../test/support/relay.ts";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
  TOKEN,
} from "../../../test/support/served-platform.ts";

interface Line {
  readonly event: string;
  readonly id: string;
  readonly row: Readonly<Record<string, unknown>>;
}

async function run(
  url: string,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliRun> {
  const environment = { KUROBE_URL: url, KUROBE_TOKEN: TOKEN };
  return await runInMemory(["tail", ...args], { environment, ...options });
}

async function linesOf(url: string, args: readonly string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await run(url, [...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return parse(stdout);
}

function parse(stdout: string): Line[] {
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Line);
}

/** A tail that is ended by Ctrl-C once it has shown what is waited for. */
function follow(
  url: string,
  args: readonly string[],
  options: CliOptions = {},
): {
  shows(what: (text: string) => boolean): Promise<void>;
  end(): Promise<CliRun>;
} {
  const stopping = new AbortController();
  let text = "";
  const news = new EventTarget();
  const onOutput = (all: string): void => {
    text = all;
    news.dispatchEvent(new Event("news"));
  };
  const done = run(url, args, { ...options, signal: stopping.signal, onOutput });
  return {
    async shows(what) {
      while (!what(text)) await once(news, "news");
    },
    end: async () => {
      stopping.abort();
      return await done;
    },
  };
}

const post = (served: Served, rows: number, from = 0): Promise<Response> =>
  served.post("/v1/datasets/ticks/rows", tickLines(rows, from));

it("shows the newest rows, and those from a time on", async () => {
  await using served = await openServed(ticksProject);
  await post(served, 300);
  const prices = async (...args: readonly string[]): Promise<number[]> =>
    (await linesOf(served.server.url, ["ticks", ...args])).map(({ row }) => Number(row["price"]));
  expect(await prices("--rows", "10")).toEqual([290, 291, 292, 293, 294, 295, 296, 297, 298, 299]);
  expect(await prices("-n", "2", "--rows", "2")).toEqual([298, 299]);
  expect(await prices("--from", "2026-01-01T00:04:30Z", "--rows", "3")).toEqual([270, 271, 272]);
});

it("follows results, corrections and retractions in a table that stays aligned", async () => {
  await using served = await openServed(ticksProject);
  const tail = follow(served.server.url, ["bars"], { columns: 80 });
  await post(served, 61);
  await tail.shows((text) => text.includes("│ + │"));
  const late = { time: "2026-01-01T00:00:59.5Z", symbol: "S1", price: 1234567.5, quantity: 1 };
  await served.post("/v1/datasets/ticks/rows", JSON.stringify(late));
  await tail.shows((text) => text.includes("│ ~ │"));
  const { code, stdout, stderr } = await tail.end();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const lines = stdout.replace("\r", "").trimEnd().split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  // Each row has its bars under those of the header that is above it.
  let borders = "";
  for (const line of lines) {
    const places = [...line.matchAll(/[│┌┬┐├┼┤└┴┘]/g)].map(({ index }) => index).join();
    if (line.startsWith("┌")) borders = places;
    else expect(places).toBe(borders);
  }
  expect(lines.filter((line) => line.startsWith("┌"))).toHaveLength(2);
  expect(lines.at(-2)).toMatch(/│ ~ │ 2026-01-01 00:00 1m .* S1 .* 1234567\.5000 .* 2 │$/);
  expect(lines.at(-1)).toMatch(/^└─/);
});

it("goes on where it was when the connection breaks, and misses nothing", async () => {
  await using served = await openServed(ticksProject);
  await using relay = await openRelay(served.server.url);
  const tail = follow(relay.url, ["ticks", "--json", "--last", "0"]);
  await post(served, 1);
  // The first row may be there before the watcher is.
  let sent = 1;
  const shown = (text: string): boolean =>
    parse(text.slice(0, text.lastIndexOf("\n") + 1)).length > 0;
  const until = tail.shows(shown);
  while (
    !(await Promise.race([until.then(() => true), post(served, 1, sent++).then(() => false)]))
  );
  const before = sent;
  relay.moveTo(served.server.url);
  await post(served, 20, before);
  await tail.shows((text) => text.includes(`"price":"${before + 19}.0000"`));
  const { code, stdout, stderr } = await tail.end();
  expect(code).toBe(0);
  expect(stderr).toContain("connected again");
  const prices = parse(stdout).map(({ row }) => Number(row["price"]));
  const first = prices[0] ?? 0;
  expect(prices).toEqual(Array.from({ length: before + 20 - first }, (_, i) => first + i));
});

it("says so when the server is another one", async () => {
  await using first = await openServed(ticksProject);
  await using second = await openServed(ticksProject);
  await using relay = await openRelay(first.server.url);
  await post(first, 3);
  const tail = follow(relay.url, ["ticks", "--json"]);
  await tail.shows((text) => text.includes('"price":"2.0000"'));
  relay.moveTo(second.server.url);
  await tail.shows((text) => text.includes('"reset"'));
  const { stdout } = await tail.end();
  expect(parse(stdout).at(-1)).toMatchObject({ event: "reset", reason: "foreign" });
});

it("refuses what it cannot follow", async () => {
  await using served = await openServed(ticksProject);
  const { url } = served.server;
  const unknown = await run(url, ["tocks", "--json"]);
  expect(unknown).toMatchObject({ code: 1, stdout: "" });
  expect(JSON.parse(unknown.stderr)).toMatchObject({
    error: { code: "KRB_QUERY_UNKNOWN_RELATION", hint: expect.stringContaining("ticks") },
  });
  for (const args of [
    ["--last", "x"],
    ["--from", "noon"],
    ["--rows", "0"],
    ["--last", "1", "--from", "2026-01-01"],
  ]) {
    expect((await run(url, ["ticks", ...args])).stderr).toContain("KRB_CLI_USAGE");
  }
  expect((await run("http://127.0.0.1:1", ["ticks"])).stderr).toContain("KRB_CLI_UNREACHABLE");
});
