/**
 * What Kurobe must come to, computed row by row without any of its code: rows, dead letters,
 * duplicates, watermarks, late rows and window results.
 */
import { type ColumnPlan, type DatasetPlan, type Plan } from "../../src/plan/plan.ts";
import { Producers } from "./producers.ts";
import {
  constantValue,
  identities,
  identity,
  type Row,
  type StoredRow,
  type Value,
} from "./value.ts";
import { type LateRow, type WindowResult } from "./result.ts";
import { OracleStreams, type StreamOutcome } from "./streams.ts";
import { OracleWindows } from "./windows.ts";

export type ScriptEntry =
  | {
      readonly kind: "batch";
      readonly dataset: string;
      /** Rows without a named producer all come from one producer without a name. */
      readonly producer?: string | undefined;
      readonly receivedAtUs: bigint;
      /** They are history: no clock judges them, and no live watermark. */
      readonly replay?: boolean;
      readonly rows: readonly OracleInput[];
    }
  | { readonly kind: "replay_end"; readonly dataset: string }
  | { readonly kind: "tick"; readonly receivedAtUs: bigint }
  /** Late rows count after all, in the windows that start in the range. */
  | {
      readonly kind: "replay_late";
      readonly window: string;
      readonly fromUs: bigint;
      readonly toUs: bigint;
    };

/** A row before it is checked: columns may be missing or of the wrong type. */
export type OracleInput = Readonly<Record<string, Value | undefined>>;

export interface DatasetOutcome {
  /** In order of position; of a keyed dataset only the newest row of each key. */
  readonly rows: readonly StoredRow[];
  readonly deadLetters: readonly { readonly input: OracleInput; readonly reason: string }[];
  readonly duplicates: readonly Row[];
  readonly lateRows: readonly LateRow[];
  readonly watermarkUs: bigint | null;
}

export interface OracleOutcome {
  readonly datasets: ReadonlyMap<string, DatasetOutcome>;
  readonly streams: ReadonlyMap<string, StreamOutcome>;
  /** The latest revision of every published result, by window name; sorted by start and group. */
  readonly windows: ReadonlyMap<string, readonly WindowResult[]>;
}

export function runOracle(plan: Plan, script: readonly ScriptEntry[]): OracleOutcome {
  const watermarkOf = (name: string): bigint | null => datasets.get(name)?.watermarkUs ?? null;
  const streams = new OracleStreams(plan, watermarkOf);
  const datasets = new Map(
    plan.datasets.map((dataset) => [dataset.name, new OracleDataset(plan, dataset, streams)]),
  );
  for (const entry of script) {
    if (entry.kind === "tick") {
      for (const dataset of datasets.values()) dataset.tick(entry.receivedAtUs);
      streams.tick();
      continue;
    }
    if (entry.kind === "replay_late") {
      for (const one of [...datasets.values(), ...streams.all]) one.replayLate(entry);
      continue;
    }
    const dataset = datasets.get(entry.dataset);
    if (dataset === undefined) throw new Error(`the plan has no dataset ${entry.dataset}`);
    if (entry.kind === "replay_end") {
      dataset.endReplay();
      continue;
    }
    if (entry.replay === true) {
      dataset.replay(entry.producer ?? "", entry.receivedAtUs, entry.rows);
      continue;
    }
    dataset.batch(entry.producer ?? "", entry.receivedAtUs, entry.rows);
  }
  const windows = new Map<string, readonly WindowResult[]>();
  for (const one of [...datasets.values(), ...streams.all]) {
    for (const [name, results] of one.windows.results(plan.windows)) windows.set(name, results);
  }
  const outcomes = [...datasets].map(([name, dataset]) => [name, dataset.outcome()] as const);
  const followed = streams.all.map((stream) => [stream.plan.name, stream.outcome()] as const);
  return { datasets: new Map(outcomes), streams: new Map(followed), windows };
}

class OracleDataset {
  readonly windows: OracleWindows;
  readonly #plan: DatasetPlan;
  readonly #streams: OracleStreams;
  readonly #producers: Producers;
  /** Every accepted row, replaced ones included: they count for duplicates. */
  readonly #accepted: StoredRow[] = [];
  readonly #newest = new Map<string, StoredRow>();
  readonly #deadLetters: { input: OracleInput; reason: string }[] = [];
  readonly #duplicates: Row[] = [];
  #isLive = false;
  /** History on its way in. */
  #replay: Producers | null = null;

  constructor(plan: Plan, dataset: DatasetPlan, streams: OracleStreams) {
    this.#plan = dataset;
    this.#streams = streams;
    this.#producers = new Producers(dataset.watermark);
    this.windows = new OracleWindows(plan.windows.filter((window) => window.from === dataset.name));
  }

  batch(producer: string, receivedAtUs: bigint, inputs: readonly OracleInput[]): void {
    for (const input of inputs) {
      const row = this.#check(input, receivedAtUs);
      if (typeof row === "string") this.#deadLetters.push({ input, reason: row });
      else if (this.#isDuplicate(row)) this.#duplicates.push(row);
      else this.#accept(producer, receivedAtUs, row);
    }
    this.#settle();
  }

  /** Rows that come beside live ones, and move event time only while there are none. */
  replay(producer: string, receivedAtUs: bigint, inputs: readonly OracleInput[]): void {
    const besideUs = this.#producers.watermarkUs;
    const own = this.#replay ?? new Producers(this.#plan.watermark);
    const isAhead = !this.#isLive && own.watermarkUs === besideUs;
    for (const input of inputs) {
      const row = this.#check(input, null);
      if (typeof row === "string") this.#deadLetters.push({ input, reason: row });
      else if (this.#isDuplicate(row)) this.#duplicates.push(row);
      else {
        this.#replay = own;
        const met = own.watermarkUs;
        const [stored, replaced] = this.#store(row);
        if (isAhead) this.windows.add(stored, replaced, met, this.#stored());
        else {
          const isPassed = met === null || besideUs === null;
          const lower = isPassed ? null : met < besideUs ? met : besideUs;
          this.windows.addBeside(stored, replaced, lower, besideUs, this.#stored());
        }
        own.see(producer, stored.eventTimeUs, receivedAtUs);
        if (isAhead) this.#lead(own.watermarkUs);
      }
    }
    if (!this.#isLive) this.#lead(own.watermarkUs);
    this.#settle();
  }

  /** No more of it comes: what waits for it is computed. */
  endReplay(): void {
    if (this.#replay === null) return;
    const newestUs = this.#replay.newestUs;
    this.#replay = null;
    if (!this.#isLive) this.#lead(newestUs);
    this.#settle();
  }

  /** Event time follows the history where nothing else has come. */
  #lead(watermarkUs: bigint | null): void {
    const before = this.#producers.watermarkUs;
    if (watermarkUs === null || (before !== null && watermarkUs <= before)) return;
    this.#producers.watermarkUs = watermarkUs;
    this.windows.advance(watermarkUs, this.#stored());
  }

  /** Windows that wait for history, once it has passed them. */
  #settle(): void {
    const liveUs = this.#producers.watermarkUs;
    const ownUs = this.#replay === null ? liveUs : this.#replay.watermarkUs;
    if (liveUs === null || ownUs === null) return;
    this.windows.settle(ownUs < liveUs ? ownUs : liveUs, this.#stored());
  }

  replayLate(choice: { window: string; fromUs: bigint; toUs: bigint }): void {
    this.windows.replayLate(choice, this.#stored());
  }

  tick(receivedAtUs: bigint): void {
    this.#producers.tick(receivedAtUs);
    this.windows.advance(this.#producers.watermarkUs, this.#stored());
    this.windows.emit(this.#stored());
    this.#settle();
  }

  #check(input: OracleInput, receivedAtUs: bigint | null): Row | string {
    const row: Record<string, Value> = {};
    for (const column of this.#plan.columns) {
      const value = input[column.name] ?? defaultOf(column);
      if (value === null && !column.nullable) return `${column.name} is missing`;
      if (value !== null && !isOfType(value, column))
        return `${column.name} is not ${column.type.kind}`;
      row[column.name] = value;
    }
    if (receivedAtUs === null) return row;
    const latestUs = receivedAtUs + BigInt(this.#plan.watermark.maxFutureSkewUs);
    return this.#timeOf(row) > latestUs ? "it lies in the future" : row;
  }

  #timeOf(row: Row): bigint {
    return row[this.#plan.eventTime] as bigint;
  }

  /** Compared with every row that was accepted before, one by one. */
  #isDuplicate(row: Row): boolean {
    const { dedup } = this.#plan;
    if (dedup === null) return false;
    const timeUs = this.#timeOf(row);
    return this.#accepted.some((earlier) => {
      const apartUs =
        earlier.eventTimeUs > timeUs ? earlier.eventTimeUs - timeUs : timeUs - earlier.eventTimeUs;
      if (apartUs >= BigInt(dedup.withinUs)) return false;
      return dedup.by.every(
        (name) => identity(earlier.row[name] ?? null) === identity(row[name] ?? null),
      );
    });
  }

  #accept(producer: string, receivedAtUs: bigint, row: Row): void {
    this.#isLive = true;
    const [stored, replaced] = this.#store(row);
    this.windows.add(stored, replaced, this.#producers.watermarkUs, this.#stored());
    const progress = (): void => this.#producers.see(producer, stored.eventTimeUs, receivedAtUs);
    this.#streams.follow(this.#plan.name, stored, progress);
    this.windows.advance(this.#producers.watermarkUs, this.#stored());
  }

  #store(row: Row): readonly [stored: StoredRow, replaced: StoredRow | undefined] {
    const stored = { seq: this.#accepted.length, row, eventTimeUs: this.#timeOf(row) };
    const { key } = this.#plan;
    const identityOfKey =
      key.length === 0 ? `#${stored.seq}` : identities(key.map((name) => row[name] ?? null));
    const replaced = this.#newest.get(identityOfKey);
    this.#accepted.push(stored);
    this.#newest.set(identityOfKey, stored);
    return [stored, replaced];
  }

  get watermarkUs(): bigint | null {
    return this.#producers.watermarkUs;
  }

  #stored(): readonly StoredRow[] {
    return [...this.#newest.values()];
  }

  outcome(): DatasetOutcome {
    return {
      rows: [...this.#newest.values()].sort((a, b) => a.seq - b.seq),
      deadLetters: this.#deadLetters,
      duplicates: this.#duplicates,
      lateRows: this.windows.lateRows(),
      watermarkUs: this.#producers.watermarkUs,
    };
  }
}

function defaultOf(column: ColumnPlan): Value {
  return column.default === undefined ? null : constantValue(column.default, column.type);
}

function isOfType(value: Value, { type }: ColumnPlan): boolean {
  switch (type.kind) {
    case "boolean":
      return typeof value === "boolean";
    case "int32":
      return typeof value === "bigint" && BigInt.asIntN(32, value) === value;
    case "int64":
      return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
    case "timestamp":
      return (
        typeof value === "bigint" &&
        value >= -62_135_596_800_000_000n &&
        value <= 253_402_300_799_999_999n
      );
    case "float64":
      return typeof value === "number" && Number.isFinite(value);
    case "date":
      return typeof value === "number" && Number.isInteger(value);
    case "decimal":
      return typeof value === "object" && value !== null && value.scale === type.scale;
    case "text":
    case "json":
      return typeof value === "string";
  }
}
