/** What operators see of late rows, and how they are put back into the windows they missed. */
import { formatDuration } from "../core/duration.ts";
import { KurobeError } from "../core/errors.ts";
import { sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Engine } from "../engine/engine.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { IS_SET_ASIDE } from "./beside-sessions.ts";
import { NOTHING_RECOMPUTED, plus, type Recomputed } from "./recompute.ts";
import { openStoredRows, type StoredRows } from "./stored-rows.ts";
import { type WindowCommand } from "./window-command.ts";

/** The late rows of one window that do not count in it. */
export interface LateSummary {
  readonly dataset: string;
  readonly window: string;
  readonly reason: string;
  readonly rows: number;
  /** How many windows they came too late for. */
  readonly windows: number;
  /** Event times of the rows. */
  readonly firstUs: bigint;
  readonly lastUs: bigint;
  /** How far the watermark was beyond the end of its window, for the row that was latest. */
  readonly latestByUs: bigint;
}

export interface LateChoice {
  /** Undefined: every window over the dataset. */
  readonly window?: string | undefined;
  /** Starts of the windows, microseconds, half-open. */
  readonly fromUs?: bigint | undefined;
  readonly toUs?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** So far; `total` and `done` count late rows, one for each window that it missed. */
export interface ReplayStep extends Recomputed {
  readonly window: string;
  readonly done: number;
  readonly total: number;
}

export interface LateRows extends AsyncDisposable {
  list(dataset?: string): Promise<readonly LateSummary[]>;
  /**
   * Recomputes the windows of the choice, a bounded number at a time, with live rows in between.
   * Where it is broken off, what is not yet recomputed stays late. Throws KRB_WINDOWS_UNKNOWN.
   */
  replay(dataset: string, choice: LateChoice): AsyncIterable<ReplayStep>;
}

/** Windows of one command, and rows that came too late for them: how long the writer is held. */
const WINDOWS_A_SLICE = 200;
const ROWS_A_SLICE = 50_000;
/** Windows further apart than so many of their lengths are not computed in one go. */
const GAP_IN_WINDOWS = 16n;
const FIRST_US = -(2n ** 62n);
const LAST_US = 2n ** 62n;

export interface LateRowsDeps {
  readonly engine: Pick<Engine, "command" | "plan" | "relations">;
  readonly connection: Connection;
}

/** Owns the connection. */
export function openLateRows({ engine, connection }: LateRowsDeps): LateRows {
  const { plan } = engine;
  const sources = [...plan.datasets, ...plan.streams];
  const stored = openStoredRows(engine, connection);
  const datasetOf = (name: string): DatasetPlan => {
    const found = sources.find((one) => one.name === name);
    if (found !== undefined) return found;
    const names = sources.map((one) => one.name).join(", ");
    throw unknown(`there is no dataset ${quoted(name)}`, `The project has: ${names}.`);
  };
  const windowsOf = (dataset: DatasetPlan, name: string | undefined): readonly WindowPlan[] => {
    const all = plan.windows.filter((window) => window.from === dataset.name);
    const chosen = name === undefined ? all : all.filter((window) => window.name === name);
    if (chosen.length > 0 || name === undefined) return chosen;
    const names = all.map((one) => one.name).join(", ") || "none";
    throw unknown(
      `there is no window ${quoted(name)} over ${dataset.name}`,
      `Its windows: ${names}.`,
    );
  };
  const replayAll = async function* (
    dataset: DatasetPlan,
    windows: readonly WindowPlan[],
    choice: LateChoice,
  ): AsyncGenerator<ReplayStep> {
    const slices: Slice[] = [];
    for (const window of windows) slices.push(...(await slicesOf(stored, dataset, window, choice)));
    const total = slices.reduce((sum, slice) => sum + slice.rows, 0);
    let done = 0;
    let sum = NOTHING_RECOMPUTED;
    for (const { window, rows, fromUs, toUs } of slices) {
      choice.signal?.throwIfAborted();
      const range = { fromUs: String(fromUs), toUs: String(toUs) };
      const command: WindowCommand = { kind: "recompute", window, ...range, only: "late" };
      sum = plus(sum, (await engine.command("windows", command)) as Recomputed);
      done += rows;
      yield { ...sum, window, done, total };
    }
  };
  return {
    async list(name) {
      const datasets = name === undefined ? sources : [datasetOf(name)];
      const lists = datasets.map((dataset) =>
        summaries(stored, dataset, windowsOf(dataset, undefined)),
      );
      return (await Promise.all(lists)).flat();
    },
    replay(name, choice) {
      const dataset = datasetOf(name);
      return replayAll(dataset, windowsOf(dataset, choice.window), choice);
    },
    [Symbol.asyncDispose]: () => stored[Symbol.asyncDispose](),
  };
}

async function summaries(
  stored: StoredRows,
  dataset: DatasetPlan,
  windows: readonly WindowPlan[],
): Promise<readonly LateSummary[]> {
  const at = sql.id(dataset.eventTime);
  const rows = await stored.read<{
    name: string;
    rows: bigint;
    windows: bigint;
    first: bigint;
    last: bigint;
    by: bigint;
  }>(
    sql`SELECT _window AS name, count(DISTINCT _row) AS rows,
               count(DISTINCT _window_start) AS windows,
               epoch_us(min(${at})) AS first, epoch_us(max(${at})) AS last,
               max(epoch_us(_watermark) - epoch_us(_window_end)) AS by
          FROM rows.${sql.id(lateRowsOf(dataset.name))}
         WHERE NOT _replayed AND NOT (${IS_SET_ASIDE})
         GROUP BY _window ORDER BY _window`,
  );
  return rows.map((row) => ({
    dataset: dataset.name,
    window: row.name,
    reason: reasonOf(windows.find((window) => window.name === row.name)),
    rows: Number(row.rows),
    windows: Number(row.windows),
    firstUs: row.first,
    lastUs: row.last,
    latestByUs: row.by,
  }));
}

function reasonOf(window: WindowPlan | undefined): string {
  if (window === undefined) return "the window is gone from the project";
  if (window.late === "side") return 'late: "side"';
  if (window.allowedLatenessUs === 0) return "no allowedLateness";
  return `beyond allowedLateness ${formatDuration(window.allowedLatenessUs)}`;
}

interface Slice {
  readonly window: string;
  readonly rows: number;
  readonly fromUs: bigint;
  readonly toUs: bigint;
}

/** The windows with late rows, cut into ranges that hold the writer for a bounded time. */
async function slicesOf(
  stored: StoredRows,
  dataset: DatasetPlan,
  window: WindowPlan,
  { fromUs = FIRST_US, toUs = LAST_US }: LateChoice,
): Promise<readonly Slice[]> {
  const found = await stored.read<{ start: bigint; end: bigint; rows: bigint }>(
    sql`SELECT epoch_us(_window_start) AS start, max(epoch_us(_window_end)) AS "end",
               count(*) AS rows
          FROM rows.${sql.id(lateRowsOf(dataset.name))}
         WHERE NOT _replayed AND _window = ${window.name}
         GROUP BY _window_start ORDER BY _window_start`,
  );
  const slices: { rows: number; windows: number; fromUs: bigint; toUs: bigint }[] = [];
  for (const { start, end, rows } of found) {
    if (start < fromUs || start >= toUs) continue;
    const last = slices.at(-1);
    // Sessions may reach from one to the other, whatever lies between them.
    const isNear =
      window.kind === "session" ||
      (last !== undefined && start - last.toUs <= GAP_IN_WINDOWS * (end - start));
    const isFull =
      last !== undefined && (last.windows >= WINDOWS_A_SLICE || last.rows >= ROWS_A_SLICE);
    if (last === undefined || !isNear || isFull) {
      slices.push({ rows: Number(rows), windows: 1, fromUs: start, toUs: start + 1n });
      continue;
    }
    last.rows += Number(rows);
    last.windows += 1;
    last.toUs = start + 1n;
  }
  return slices.map((slice) => ({ ...slice, window: window.name }));
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}

function unknown(message: string, hint: string): KurobeError {
  return new KurobeError("KRB_WINDOWS_UNKNOWN", message, { hint });
}
