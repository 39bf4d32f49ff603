/** A report as one HTML file: nothing is loaded from anywhere, and it needs no script. */
import { type BenchResult } from "../result/result.ts";
import { conclusionsOf, type Conclusion } from "./conclusions.ts";
import { showMs, showRate, showWhole } from "./figures.ts";
import { heatMap, heatTables } from "./heat-map.ts";
import { html, Markup } from "./markup.ts";
import { percentileCurves } from "./percentile-curves.ts";
import { ratioPlot } from "./ratio-plot.ts";
import { type ReportGroup, type ReportLane, type ReportModel } from "./report-model.ts";
import { REPORT_STYLE } from "./report-style.ts";
import { settingsDifference } from "./settings-difference.ts";
import { sweepCurves } from "./sweep-curves.ts";
import { throughputBars } from "./throughput-bars.ts";
import { timeSeries } from "./time-series.ts";

/** Groups beyond these are folded. */
const OPEN_GROUPS = 3;
/** Tables of more commands are folded. */
const OPEN_COMMANDS = 4;

export function htmlReport(model: ReportModel): string {
  const { groups } = model;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="generator" content="kurobe bench" />
        <title>${reportTitle(model)}</title>
        <style>
          ${new Markup(REPORT_STYLE)}
        </style>
      </head>
      <body>
        <main>
          ${header(model)} ${conclusions(model)}
          ${groups.length > OPEN_GROUPS ? heat(model) : null}
          ${groups.map((group, index) => groupSection(group, index < OPEN_GROUPS))}
          ${groups.length > OPEN_GROUPS ? null : heat(model)} ${settings(model)} ${method(model)}
        </main>
      </body>
    </html> `;
  return tightened(page.text);
}

export function reportTitle({ groups }: ReportModel): string {
  const engines = new Map(
    groups.flatMap(({ lanes }) => lanes).map(({ name, engine }) => [name, engine]),
  );
  const described = [...new Set(engines.values())];
  // The name says more where two targets are of one engine.
  const words = described.length === engines.size ? described : [...engines.keys()];
  return words.join(" and ");
}

function header(model: ReportModel): Markup {
  const [first] = model.results;
  if (first === undefined) return html`<h1>No results</h1>`;
  const { environment } = first;
  const when = first.start_time.slice(0, 16).replace("T", " ");
  return html`<header>
    <h1>${reportTitle(model)}</h1>
    <p class="soft">
      ${when} UTC · ${environment.cpu}, ${environment.cores} cores · ${environment.kernel} · Node
      ${environment.node} · kurobe ${environment.kurobe}
    </p>
    <p class="legend">
      ${model.names.map((name, color) => html`<span class="s${color % 6}">${name}</span>`)}
    </p>
  </header>`;
}

const PILLS = {
  faster: "faster",
  slower: "slower",
  even: "not shown",
  warning: "take care",
} as const satisfies Record<Conclusion["tone"], string>;

function conclusions(model: ReportModel): Markup | null {
  const found = conclusionsOf(model);
  if (found.length === 0) return null;
  const hasTitles = model.groups.length > 1;
  return html`<h2>What this shows</h2>
    <section class="card">
      <ul class="conclusions">
        ${found.map(
          ({ tone, group, text }) => html`<li class="tone-${tone}">
            <span class="pill">${PILLS[tone]}</span
            ><span>${hasTitles ? html`<b>${group}:</b> ` : null}${text.replaceAll(" %", "\u00a0%")}</span>
          </li>`,
        )}
      </ul>
    </section>`;
}

function groupSection(group: ReportGroup, isOpen: boolean): Markup {
  const cards = groupCards(group);
  if (isOpen) {
    return html`<h2>${group.title}</h2>
      ${cards}`;
  }
  return html`<details>
    <summary>${group.title}</summary>
    ${cards}
  </details>`;
}

function groupCards(group: ReportGroup): Markup {
  const ratios = group.comparison === null ? null : ratioPlot(group.comparison.rows);
  const curves = percentileCurves(group);
  const series = timeSeries(group);
  const sweep = sweepCurves(group);
  const from = group.lanes.some(({ result }) => result.stats.latency_ms.from === "intended")
    ? "from the time at which each request was due"
    : "from sending";
  return html`<section class="card">
      <h3>Throughput</h3>
      ${throughputBars(group)} ${figuresTable(group)}
    </section>
    ${card("Latency by rate", sweep?.plot ?? null, sweep?.note ?? null)}
    ${card("Ratios", ratios, "95 % intervals; inside the band, equal servers differ too.")}
    ${card("Latency by percentile", curves, `Measured ${from}.`)}
    ${card("Over the run", series, null)}`;
}

function card(title: string, content: Markup | null, note: string | null): Markup | null {
  if (content === null) return null;
  return html`<section class="card">
    <h3>${title}</h3>
    ${content} ${note === null ? null : html`<p class="soft">${note}</p>`}
  </section>`;
}

const LATENCIES = ["mean", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"] as const;
const HEADS = ["op/s", ...LATENCIES, "errors"] as const;
const COST_HEADS = ["server CPU/op", "client CPU/op"] as const;

function figuresTable({ lanes }: ReportGroup): Markup {
  return html`${table(["", ...HEADS, ...COST_HEADS], lanes.map(laneRow))} ${commandsTable(lanes)}`;
}

function table(heads: readonly string[], rows: readonly Markup[]): Markup {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function laneRow({ name, rate, result }: ReportLane): Markup {
  const { latency_ms: latency, server, client } = result.stats;
  return html`<tr>
    <th scope="row">${name}</th>
    ${figureCells(rate.value, latency, result.errors.total)}
    <td>${cost(server.cpu_us_per_op)}</td>
    <td>${cost(client.cpu_us_per_op)}</td>
  </tr>`;
}

type Latency = BenchResult["stats"]["latency_ms"];

function figureCells(rate: number, latency: Latency, errors: number): readonly Markup[] {
  const { mean, p50, p90, p95, p99, p99_9, p99_99, max } = latency;
  const latencies = [mean, p50, p90, p95, p99, p99_9, p99_99, max].map(showMs);
  const cells = [showRate(rate), ...latencies, showWhole(errors)];
  return cells.map((cell) => html`<td>${cell}</td>`);
}

/** Targets stand under each other for every command, so that they are compared at a glance. */
function commandsTable(lanes: readonly ReportLane[]): Markup | null {
  const labels = new Set(lanes.flatMap(({ result }) => Object.keys(result.stats.by_command)));
  if (labels.size < 2) return null;
  const rows = [...labels].flatMap((label) =>
    lanes.flatMap(({ name, color, result }) => {
      const command = result.stats.by_command[label];
      if (command === undefined) return [];
      const { throughput_ops: rate, latency_ms: latency, errors } = command;
      return html`<tr>
        <th scope="row">${label}</th>
        <td class="lane s${color % 6}">${name}</td>
        ${figureCells(rate, latency, errors)}
      </tr>`;
    }),
  );
  return html`<details ${labels.size <= OPEN_COMMANDS ? "open" : ""}>
    <summary>By command</summary>
    ${table(["", "", ...HEADS], rows)}
  </details>`;
}

function cost(valueUs: number | null): string {
  return valueUs === null ? "–" : `${valueUs.toFixed(2)} µs`;
}

function heat(model: ReportModel): Markup | null {
  const tables = heatTables(model);
  if (tables.length === 0) return null;
  return html`<h2>By structure and size</h2>
    <section class="card">${tables.map(heatMap)}</section>`;
}

function settings({ results }: ReportModel): Markup {
  const { names, rows } = settingsDifference(results);
  return html`<h2>Settings</h2>
    <section class="card">
      <p class="soft">What differs is bold and comes first.</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col"></th>
              ${names.map((name) => html`<th scope="col">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              ({
                name,
                values,
                isDifferent,
              }) => html`<tr class="${isDifferent && values.length > 1 ? "differs" : ""}">
                <th scope="row">${name}</th>
                ${values.map((value) => html`<td class="text">${value ?? "unknown"}</td>`)}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>`;
}

function method({ results, groups }: ReportModel): Markup {
  const isPaired = groups.some(({ comparison }) =>
    comparison?.rows.some(({ is_paired }) => is_paired),
  );
  const loops = new Set(results.map(({ config }) => config.loop));
  return html`<h2>How this was measured</h2>
    <section class="card">
      ${
        isPaired
          ? html`<p>
            The targets ran in short slices, in turns and in an order drawn anew for each turn, on
            warm connections. Slices of one turn are compared with each other, so what the machine
            did in between cancels out. Intervals are bootstrapped from the slices; p-values
            (Wilcoxon's signed-rank test) are corrected for all figures asked about (Holm). A
            verdict also has to exceed what equal servers differ by.
          </p>`
          : null
      }
      ${
        loops.has("closed")
          ? html`<p>
            A closed loop sends the next request when the last one is answered: it finds the highest
            rate, and its percentiles hide what a stall would have done to requests that were never
            sent.
          </p>`
          : null
      }
      ${
        loops.has("open")
          ? html`<p>
            An open loop sends at its own times whatever the server does, and counts from the time a
            request was due: a stall shows in full.
          </p>`
          : null
      }
      <p class="soft">
        Percentiles with fewer than ten requests beyond them are left out (–). The result files
        hold every figure, with the histograms behind them.
      </p>
    </section>`;
}

/** Indentation is for whoever reads this file; elements need none of it. */
function tightened(text: string): string {
  return `${text
    .replace(/\n\s*\n/g, "\n")
    .replace(/\n\s+/g, "\n")
    .trim()}\n`;
}
