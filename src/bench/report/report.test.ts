import { describe, expect, it } from "vitest";
import { madeResult } from "../../../test/support/bench-results.ts";
import { simulateComparison } from "../../../test/support/simulated-slices.ts";
import { type BenchResult } from "../result/result.ts";
import { conclusionsOf } from "./conclusions.ts";
import { showMs, showRate, withoutZeros } from "./figures.ts";
import { heatTables } from "./heat-map.ts";
import { htmlReport, reportTitle } from "./html-report.ts";
import { markdownSummary } from "./markdown-summary.ts";
import { reportModel } from "./report-model.ts";
import { csvOf, resultRows } from "./result-rows.ts";
import { linearScale, logScale } from "./scale.ts";
import { settingsDifference } from "./settings-difference.ts";

const latencies = (us: number, count = 2000): readonly number[] =>
  Array.from({ length: count }, (_, index) => us * (1 + (index % 50) / 100));

function paired(slowdown = -0.06): readonly BenchResult[] {
  const lanes = [
    { name: "redis" },
    { name: "valkey", slowdown },
    { name: "redis again", twinOf: "redis" },
  ];
  return simulateComparison(lanes, { seed: 8, pairs: 60 }).map((each, index) => ({
    ...madeResult({
      name: each.config.name,
      ...(each.config.twin_of === null ? {} : { twinOf: each.config.twin_of }),
      engine: index === 1 ? "Valkey" : "Redis",
      version: index === 1 ? "8.0.1" : "7.0.15",
      pairId: "p",
      commands: [{ label: "GET", latenciesUs: latencies(200 - index) }],
      slices: each.stats.slices,
      settings: { "io-threads": index === 1 ? "4" : "1", appendonly: "no", save: "" },
    }),
  }));
}

function structures(name: string, factor: number): BenchResult {
  return madeResult({
    name,
    workload: "structures",
    commands: [
      { label: "ZADD 100", structure: "zset", size: 100, latenciesUs: latencies(100 * factor) },
      { label: "ZADD 1000", structure: "zset", size: 1000, latenciesUs: latencies(200) },
      { label: "HGET 100", structure: "hash", size: 100, latenciesUs: latencies(50) },
    ],
  });
}

describe("a report page", () => {
  const page = htmlReport(
    reportModel([...paired(), structures("redis", 2), structures("valkey", 1)]),
  );

  it("is one file that loads nothing and runs nothing", () => {
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:\/\//);
    expect(page).toMatch(/prefers-color-scheme: dark/);
  });

  it("closes each element that it opens, in order", () => {
    const open: string[] = [];
    const empty = new Set(["meta", "br", "line", "rect", "path", "circle"]);
    for (const [, slash, name = "", self] of page.matchAll(
      /<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g,
    )) {
      if (self === "/" || (empty.has(name) && slash === "" && self === "/")) continue;
      if (slash === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it("draws nothing outside of numbers", () => {
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  it("shows bars, ratios, curves, the run, structures by size and settings", () => {
    for (const title of [
      "Throughput",
      "Ratios",
      "Latency by percentile",
      "Over the run",
      "By structure and size",
      "Settings",
    ]) {
      expect(page).toContain(`>${title}</h`);
    }
    expect(reportTitle(reportModel(paired()))).toBe("Redis 7.0.15 and Valkey 8.0.1");
    expect(page).not.toContain("redis again");
  });

  it("escapes what comes from outside", () => {
    const name = '<img src=x onerror="alert(1)">';
    const hostile = madeResult({
      name,
      workload: name,
      version: name,
      settings: { [name]: name },
      commands: [
        { label: name, latenciesUs: latencies(100) },
        { label: "GET", latenciesUs: [] },
      ],
    });
    expect(htmlReport(reportModel([hostile]))).not.toContain("<img");
  });

  it("stands without latencies, series or requests", () => {
    const bare = madeResult({ name: "redis", commands: [] });
    expect(htmlReport(reportModel([bare]))).not.toMatch(/NaN|Infinity/);
    expect(htmlReport(reportModel([]))).toContain("No results");
  });
});

describe("conclusions", () => {
  it("say what was shown, with the floor that the repeated target measured", () => {
    const [first] = conclusionsOf(reportModel(paired()));
    expect(first).toMatchObject({ tone: "faster" });
    expect(first?.text).toMatch(
      /^valkey has \d\.\d % higher throughput than redis .*equal servers/,
    );
  });

  it("warn of clients at their limit, failed operations, stolen time and stopped runs", () => {
    const good = madeResult({
      name: "redis",
      commands: [{ label: "GET", latenciesUs: latencies(1) }],
    });
    const bad: BenchResult = {
      ...good,
      stats: { ...good.stats, client: { ...good.stats.client, is_limited: true } },
      errors: { total: 100, by_kind: { OOM: 90, timeout: 10 }, samples: [] },
      environment: { ...good.environment, steal_share: 0.2 },
      validity: { is_valid: false, is_partial: true, reasons: ["5 % of the operations failed"] },
    };
    const texts = conclusionsOf(reportModel([bad])).map(({ text }) => text);
    expect(texts).toHaveLength(5);
    expect(texts.join("\n")).toMatch(
      /not valid[\s\S]*stopped[\s\S]*limit[\s\S]*5\.0 % .*OOM 90, timeout 10[\s\S]*2\.0 %/,
    );
    expect(conclusionsOf(reportModel([good]))).toEqual([]);
  });

  it("warn of results that ran one after another", () => {
    const [one, two] = ["a", "b"].map((name) =>
      madeResult({
        name,
        commands: [{ label: "GET", latenciesUs: latencies(100) }],
        timeseries: Array.from({ length: 12 }, (_, index) => ({
          ...{ t_s: index + 1, ops: 1000 + index, errors: 0, p50_ms: 1, p99_ms: 2, max_ms: 3 },
          ...{ client_cpu: null, client_loop_delay_ms: null, server_cpu: null },
        })),
      }),
    );
    if (one === undefined || two === undefined) throw new Error("two results were made");
    const tones = conclusionsOf(reportModel([one, two])).map(({ tone }) => tone);
    expect(tones).toEqual(["even", "even", "even", "warning"]);
  });
});

/** A sweep in which so many rates were sustained. */
function swept(name: string, p99Ms: readonly number[], limitMs: number): BenchResult {
  const made = madeResult({
    name,
    commands: [{ label: "GET", latenciesUs: latencies(100) }],
    timeseries: Array.from({ length: 5 }, (_, index) => ({
      ...{ t_s: index / 5, ops: 1000, errors: 0, p50_ms: 1, p99_ms: 2, max_ms: 3 },
      ...{ client_cpu: 0.4, client_loop_delay_ms: 3, server_cpu: 0.9 },
    })),
  });
  const limits = { min_achieved: 0.99, precision: 0.05, step_s: 3, max_p99_ms: limitMs };
  const sweep = p99Ms.map((p99, index) => ({
    ...{ rate: 1000 * 2 ** index, throughput_ops: 1000 * 2 ** index, errors: 0 },
    latency_ms: { ...made.stats.latency_ms, p99 },
    is_sustained: p99 <= limitMs,
    reason: p99 <= limitMs ? null : `p99 ${p99} ms`,
    is_client_limited: false,
  }));
  const best = sweep.findLast(({ is_sustained: isGood }) => isGood);
  return {
    ...made,
    config: { ...made.config, loop: "open", sweep: { from: 1000, to: 8000, ...limits } },
    stats: {
      ...made.stats,
      sweep,
      knee:
        best === undefined
          ? null
          : {
              ...{ rate: best.rate, throughput_ops: best.rate, p99_ms: 1 },
              ...{ failed_rate: best.rate * 2, is_client_limited: false },
            },
    },
  };
}

describe("a sweep", () => {
  const model = reportModel([swept("redis", [1, 2, 40], 10), swept("valkey", [20, 50, 90], 10)]);
  const page = htmlReport(model);

  it("is drawn rate by rate, hollow where a rate failed, with the knee in words", () => {
    expect(page).toContain("open loop at rising rates");
    expect(page).toContain("Latency by rate");
    expect(page.match(/class="dot\s+s/g)).toHaveLength(2);
    expect(page.match(/class="dot hollow s/g)).toHaveLength(4);
    expect(page).toContain("redis sustained 2.00 k op/s, and failed at 4.00 k");
    expect(page).toContain("valkey sustained no rate");
    expect(page).toContain("Processor cores");
    expect(page).not.toMatch(/NaN|Infinity|\d\.\d{6,}/);
  });

  it("is not held against another one: their knees lie at different rates", () => {
    expect(model.groups.map(({ lanes, comparison }) => [lanes.length, comparison])).toEqual([
      [2, null],
    ]);
  });
});

describe("a heat map", () => {
  it("holds p50 of the first target over each other one, by structure and size", () => {
    const [table, more] = heatTables(
      reportModel([structures("redis", 2), structures("valkey", 1)]),
    );
    expect(more).toBe(undefined);
    expect(table?.sizes).toEqual([100, 1000]);
    expect(table?.rows.map(({ operation }) => operation)).toEqual(["zset ZADD", "hash HGET"]);
    expect(table?.rows[0]?.cells.map((cell) => cell?.text)).toEqual(["2.00×", "1.00×"]);
    expect(table?.rows[0]?.cells[0]?.heat).toBe(1);
    expect(table?.rows[1]?.cells[1]).toBe(null);
  });
});

describe("a comparison of many workloads", () => {
  const sizes = [10, 100, 1000, 10_000];
  const results = sizes.flatMap((size) =>
    paired(size > 1000 ? 0 : -0.06).map((each) => {
      const command = { structure: "zset", size };
      const stats = Object.values(each.stats.by_command)[0];
      if (stats === undefined) throw new Error("each result has a command");
      return {
        ...each,
        config: {
          ...each.config,
          workload: { name: `zset-${size}`, kind: "structures" },
          workload_sha256: String(size).padStart(64, "0"),
        },
        stats: {
          ...each.stats,
          by_command: { ZADD: { ...stats, ...command }, "ZREM+ZADD": { ...stats, ...command } },
        },
      };
    }),
  );

  it("keeps operations apart that end in the same command", () => {
    const [table] = heatTables(reportModel(results));
    expect(table?.sizes).toEqual(sizes);
    expect(table?.rows.map(({ operation }) => operation)).toEqual(["zset ZADD", "zset ZREM+ZADD"]);
  });

  it("says in one sentence what was not shown", () => {
    const conclusions = conclusionsOf(reportModel(results));
    const even = conclusions.filter(({ tone }) => tone === "even");
    expect(even).toHaveLength(1);
    expect(even[0]?.text).toMatch(/^No difference was shown in \d+ of \d+ figures; in half/);
    expect(conclusions.filter(({ tone }) => tone === "faster").length).toBe(9);
  });

  it("shows the map before the single workloads, in the order in which they ran", () => {
    const page = htmlReport(reportModel(results));
    const places = ["By structure and size", "zset-10,", "zset-100,", "zset-1000,"].map((text) =>
      page.indexOf(`<h2>${text}`),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
  });
});

describe("settings", () => {
  it("that differ come first", () => {
    const { names, rows } = settingsDifference(reportModel(paired()).results);
    expect(names).toEqual(["redis", "valkey"]);
    expect(rows.filter(({ isDifferent }) => isDifferent).map(({ name }) => name)).toEqual([
      "engine",
      "io-threads",
    ]);
    expect(rows.at(-1)).toMatchObject({ name: "save", values: ['""', '""'], isDifferent: false });
  });
});

describe("a summary for a pull request", () => {
  it("has the conclusions and a table for each load", () => {
    const summary = markdownSummary(reportModel(paired()));
    expect(summary).toMatch(/^### Redis 7\.0\.15 and Valkey 8\.0\.1\n\n- 🟢 valkey has/);
    expect(summary).toMatch(/\| redis \| Redis 7\.0\.15 \| [\d.]+ k \| /);
  });
});

describe("rows for other tools", () => {
  it("quote what CSV needs quoted, and leave out what is unknown", () => {
    const result = madeResult({
      name: 'a "quoted", name',
      commands: [{ label: "GET", latenciesUs: latencies(100, 30) }],
    });
    const [head, whole, command] = csvOf(resultRows([result])).split("\n");
    expect(head).toMatch(/^measured_at,run_id,target,/);
    expect(whole).toContain('"a ""quoted"", name"');
    expect(whole).toContain(",*,*,,,30,0,3,");
    expect(command).toMatch(/,GET,GET,string,,30,0,3,/);
  });
});

describe("figures", () => {
  it("have three digits and a unit that fits", () => {
    expect([0, 7.25, 96, 999.9, 45_310, 1_049_000].map(showRate)).toEqual([
      "0",
      "7.25",
      "96.0",
      "1.00 k",
      "45.3 k",
      "1.05 M",
    ]);
    expect([null, 0.0482, 0.25, 12.3, 1500].map(showMs)).toEqual([
      "–",
      "48.2 µs",
      "0.25 ms",
      "12.3 ms",
      "1.50 s",
    ]);
    expect(["20.0 k", "0.50 ms", "100 k", "0"].map(withoutZeros)).toEqual([
      "20 k",
      "0.5 ms",
      "100 k",
      "0",
    ]);
  });

  it("stand on scales with round ticks", () => {
    expect(linearScale(61_000, [0, 100]).ticks).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
    expect(logScale(0.15, 12, [0, 100]).ticks).toEqual([0.2, 0.5, 1, 2, 5, 10]);
    expect(logScale(1, 1, [0, 100]).at(1)).toBe(0);
  });
});
