/** Latency by operation and structure size: against the baseline, or by itself for one target. */
import { type BenchResult, type CommandStats } from "../result/result.ts";
import { showMs, showRatio, showWhole } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { type ReportModel } from "./report-model.ts";

interface Cell {
  readonly text: string;
  /** From -1 (the baseline is better) to 1; from 0 to 1 where there is no baseline. */
  readonly heat: number;
  readonly title: string;
}

export interface HeatTable {
  readonly caption: string;
  readonly sizes: readonly number[];
  readonly rows: readonly {
    readonly operation: string;
    readonly cells: readonly (Cell | null)[];
  }[];
}

type Figures = ReadonlyMap<string, number>;

/** A ratio of 1.5 has the full colour. */
const FULL = Math.log(1.5);

/** One table a target beside the first; none where no structure has a size. */
export function heatTables({ names, results, groups }: ReportModel): readonly HeatTable[] {
  const [baseline, ...others] = names.map((name) => ({
    name,
    figures: figuresOf(results.filter(({ config }) => config.name === name)),
  }));
  if (baseline === undefined || baseline.figures.size === 0) return [];
  if (others.length === 0) return [tableOf(`p50 of ${baseline.name}`, baseline.figures, ownCell)];
  return others.map(({ name, figures }) => {
    const unshown = unshownKeys(groups, name);
    const caption =
      `p50 of ${baseline.name} over p50 of ${name}: above 1, ${name} is quicker` +
      (unshown.size === 0 ? "" : "; without colour where no difference was shown");
    return tableOf(caption, figures, (key) =>
      ratioCell(baseline.figures.get(key), figures.get(key), unshown.has(key)),
    );
  });
}

/** Operations whose p50 was compared, and where no difference to the target was shown. */
function unshownKeys(groups: ReportModel["groups"], target: string): ReadonlySet<string> {
  const keys = groups.flatMap(({ comparison, lanes }) =>
    (comparison?.rows ?? [])
      .filter((row) => row.target === target && row.metric === "p50" && row.is_paired)
      .filter(({ verdict }) => verdict === "no_difference_shown" || verdict === "too_few")
      .flatMap(({ command }) => {
        const commands = lanes[0]?.result.stats.by_command ?? {};
        // The only command of a workload is asked about as the whole.
        const label =
          command ?? (Object.keys(commands).length === 1 ? Object.keys(commands)[0] : undefined);
        const stats = label === undefined ? undefined : commands[label];
        return stats === undefined || label === undefined
          ? []
          : keyed(label, stats).map(([key]) => key);
      }),
  );
  return new Set(keys);
}

/** Keys are operation and size, joined by a tab; values are p50 in milliseconds. */
function figuresOf(results: readonly BenchResult[]): Figures {
  const entries = results.flatMap(({ stats }) => Object.entries(stats.by_command));
  return new Map(entries.flatMap(([label, stats]) => keyed(label, stats)));
}

/** `ZREM+ZADD` and `ZADD 1000` say more than their command; the size has a column of its own. */
function keyed(label: string, stats: CommandStats): readonly (readonly [string, number])[] {
  const { structure, size, latency_ms } = stats;
  if (size === null || latency_ms.p50 === null || latency_ms.p50 === 0) return [];
  const operation = label.endsWith(` ${size}`) ? label.slice(0, -1 - String(size).length) : label;
  return [[`${structure ?? ""} ${operation}\t${size}`.trim(), latency_ms.p50]];
}

function tableOf(
  caption: string,
  figures: Figures,
  cellOf: (key: string, figures: Figures) => Cell | null,
): HeatTable {
  const keys = [...figures.keys()].map((key) => key.split("\t") as [string, string]);
  const sizes = [...new Set(keys.map(([, size]) => Number(size)))].toSorted((a, b) => a - b);
  const operations = [...new Set(keys.map(([operation]) => operation))];
  return {
    caption,
    sizes,
    rows: operations.map((operation) => ({
      operation,
      cells: sizes.map((size) => cellOf(`${operation}\t${size}`, figures)),
    })),
  };
}

function ownCell(key: string, figures: Figures): Cell | null {
  const value = figures.get(key);
  if (value === undefined) return null;
  const logs = [...figures.values()].map(Math.log);
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  const heat = most === least ? 0.3 : (Math.log(value) - least) / (most - least);
  return { text: showMs(value), heat, title: `p50 ${showMs(value)}` };
}

function ratioCell(
  baseline: number | undefined,
  other: number | undefined,
  isUnshown: boolean,
): Cell | null {
  if (baseline === undefined || other === undefined) return null;
  const ratio = baseline / other;
  const heat = isUnshown ? 0 : Math.max(-1, Math.min(1, Math.log(ratio) / FULL));
  const tail = isUnshown ? ": no difference shown" : "";
  return {
    text: showRatio(ratio).replace(/(\.\d\d)\d×/, "$1×"),
    heat,
    title: `${showMs(baseline)} against ${showMs(other)}${tail}`,
  };
}

export function heatMap({ caption, sizes, rows }: HeatTable): Markup {
  return html`<figure>
    <figcaption>${caption}</figcaption>
    <div class="scroll">
      <table class="heat">
        <thead>
          <tr>
            <th scope="col">operation</th>
            ${sizes.map((size) => html`<th scope="col">${showWhole(size)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ operation, cells }) => html`<tr>
              <th scope="row">${operation}</th>
              ${cells.map(cellMarkup)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </figure>`;
}

function cellMarkup(cell: Cell | null): Markup {
  if (cell === null) return html`<td class="none">–</td>`;
  const side = cell.heat < 0 ? "worse" : "better";
  const strength = Math.round(Math.abs(cell.heat) * 70);
  return html`<td class="${side}" style="--heat:${strength}%" title="${cell.title}">${cell.text}</td>`;
}
