/** What `kurobe check` says of projects that cannot be, as somebody at the prompt reads it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliRun, runInMemory } from "../../../test/support/memory-terminal.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-check-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function check(text: string, ...args: readonly string[]): Promise<CliRun> {
  await writeFile(join(directory, "kurobe.config.ts"), text);
  const run = await runInMemory(["check", ...args], { workingDirectory: directory });
  return { ...run, stderr: run.stderr.replaceAll(directory, "") };
}

const DATASETS = `
import * as kurobe from "kurobe";
const { column, count, dataset, defineProject, hopping, quantile, session, stream, top, tumbling, within } = kurobe;
const columns = { at: column.timestamp(), user: column.text(), n: column.int64() };
const events = dataset({ columns, eventTime: "at" });
const others = dataset({ columns, eventTime: "at" });
const measure = { n: count() };
`;
const project = (spec: string): string =>
  `${DATASETS}export default defineProject({ name: "p", datasets: { events, others }, ${spec} });`;

describe("windows that cannot be", () => {
  it("are all named, with their place, what was found and what to write", async () => {
    const run = await check(
      project(`
        streams: {
          turned: stream({
            from: events,
            join: [within(others, { on: { user: "user" }, select: {}, between: ["1h", "-10m"] })],
          }),
        },
        windows: {
          uneven: hopping({ from: events, size: "7m", every: "2m", measure }),
          quick: session({ from: events, gap: "0s", by: ["user"], measure }),
          early: tumbling({ from: events, size: "5m", measure, allowedLateness: "-1s" }),
          back: tumbling({ from: events, size: "-5m", measure }),
          none: tumbling({ from: events, size: "0s", measure }),
          away: tumbling({ from: events, size: "1 day", timezone: "Mars/Base", measure }),
          most: tumbling({ from: events, size: "5m", measure: { p: quantile("n", 99) } }),
          best: tumbling({ from: events, size: "5m", measure: { t: top(0, "n") } }),
        },`),
    );
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr.split("\n").filter((line) => line.startsWith("  "))).toEqual([
      '  streams.turned.join[0].between: found "1h" and "-10m", expected the earlier bound first (between: ["-10m", "1h"])',
      '  windows.uneven.size: found 7m, expected a multiple of the slide, 2m (size: "8m")',
      '  windows.quick.gap: found "0s", expected a duration longer than 0 ("500ms", "30s", "5m", "1h 30m", "2 days")',
      '  windows.early.allowedLateness: found "-1s", expected a duration, 0 or longer ("500ms", "30s", "5m", "1h 30m", "2 days")',
      '  windows.back.size: found "-5m", expected a size ("30s", "5m", "1h", "1 day", "1 week", "1 month")',
      '  windows.none.size: found "0s", expected a size from 1 millisecond to 366 days ("30s", "5m", "1h", "1 day", "1 week", "1 month")',
      '  windows.away.timezone: found "Mars/Base", expected the name of a time zone (a name of the IANA database, such as "Asia/Tokyo" or "UTC")',
      '  windows.most.measure.p.quantile: found 99, expected a share from 0 to 1 (quantile("price", 0.99))',
      '  windows.best.measure.t.top: found 0, expected a number of rows, 1 to 1000 (top(10, "price"))',
    ]);
  });

  it("and those that have one name, of which the second would hide the first", async () => {
    const run = await check(
      project(`windows: {
        bars: tumbling({ from: events, size: "5m", measure }),
        bars: tumbling({ from: events, size: "1h", measure }),
      },`),
    );
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("KRB_PROJECT_SYNTAX");
    expect(run.stderr).toContain('/kurobe.config.ts:10:9: Duplicate key "bars" in object literal');
  });
});

describe("a project file", () => {
  it("that throws is named with the line that threw", async () => {
    const { code, stderr } = await check(`${DATASETS}throw new Error("no such desk");`);
    expect(code).toBe(1);
    expect(stderr).toContain("KRB_PROJECT_LOAD");
    expect(stderr).toContain("/kurobe.config.ts:8:7 could not be loaded: no such desk");
  });

  it("that exports nothing is told how to end", async () => {
    const { code, stderr } = await check(DATASETS);
    expect(code).toBe(1);
    expect(stderr).toContain("KRB_PROJECT_NO_DEFAULT_EXPORT");
    expect(stderr).toContain("export default");
  });

  it("that is wrong is described as JSON for machines", async () => {
    const text = project(
      'windows: { w: tumbling({ from: events, size: "5m", measure, allowedLateness: "-1s" }) }',
    );
    const { code, stdout, stderr } = await check(text, "--json");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: "KRB_PROJECT_INVALID",
        details: { problems: [{ path: "windows.w.allowedLateness", found: '"-1s"' }] },
      },
    });
  });
});
