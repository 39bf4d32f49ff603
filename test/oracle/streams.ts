/** Streams: each row follows from one row of its source, when that comes in. */
import { type Plan, type StreamPlan } from "../../src/plan/plan.ts";
import { streamsInOrder } from "../../src/plan/stream-plan.ts";
import { evaluate } from "./expression.ts";
import { type LateRow } from "./result.ts";
import { identities, type Row, type StoredRow } from "./value.ts";
import { OracleWindows } from "./windows.ts";

export interface StreamOutcome {
  /** In order of arrival; where rows are replaced, the newest of each key. */
  readonly rows: readonly StoredRow[];
  readonly lateRows: readonly LateRow[];
}

/** A row as it comes; one that takes back says that the stored row of its key is gone. */
interface Version extends StoredRow {
  readonly takesBack?: boolean;
}

export class OracleStreams {
  readonly all: readonly OracleStream[];
  readonly #watermarkOf: (dataset: string) => bigint | null;

  constructor(plan: Plan, watermarkOf: (dataset: string) => bigint | null) {
    this.all = streamsInOrder(plan.streams).map((stream) => new OracleStream(plan, stream));
    this.#watermarkOf = watermarkOf;
  }

  /** A row of a dataset is stored; `progress` is what it does to the dataset's event time. */
  follow(dataset: string, row: StoredRow, progress: () => void): void {
    const news = new Map<string, readonly Version[]>([[dataset, [row]]]);
    for (const stream of this.all) {
      const watermarkUs = this.#watermark(stream.plan);
      const versions = (news.get(stream.plan.from) ?? []).flatMap((one) =>
        stream.follow(one, watermarkUs),
      );
      news.set(stream.plan.name, versions);
    }
    progress();
    this.advance();
  }

  advance(): void {
    for (const stream of this.all) stream.advance(this.#watermark(stream.plan));
  }

  #watermark(stream: StreamPlan): bigint | null {
    const upstream = this.all.find((one) => one.plan.name === stream.from);
    return upstream === undefined ? this.#watermarkOf(stream.from) : this.#watermark(upstream.plan);
  }
}

class OracleStream {
  readonly plan: StreamPlan;
  readonly windows: OracleWindows;
  readonly #rows = new Map<string, StoredRow>();
  #nextSeq = 0;

  constructor(plan: Plan, stream: StreamPlan) {
    this.plan = stream;
    this.windows = new OracleWindows(plan.windows.filter((window) => window.from === stream.name));
  }

  follow(version: Version, watermarkUs: bigint | null): readonly Version[] {
    const { where, select } = this.plan;
    const belongs =
      version.takesBack !== true && (where === null || evaluate(where, version.row) === true);
    const row = Object.fromEntries(
      select.map((one) => [one.name, evaluate(one.expression, version.row)]),
    );
    return this.#put(row, belongs, watermarkUs);
  }

  #put(row: Row, belongs: boolean, watermarkUs: bigint | null): readonly Version[] {
    const { key, eventTime } = this.plan;
    const seq = this.#nextSeq++;
    const id = key.length === 0 ? `#${seq}` : identities(key.map((name) => row[name] ?? null));
    const replaced = this.#rows.get(id);
    if (!belongs && replaced === undefined) return [];
    const stored = { seq, row, eventTimeUs: row[eventTime] as bigint };
    this.#rows.delete(id);
    if (belongs) this.#rows.set(id, stored);
    const version = belongs ? stored : { ...stored, takesBack: true };
    this.windows.add(version, replaced, watermarkUs, [...this.#rows.values()]);
    return [version];
  }

  advance(watermarkUs: bigint | null): void {
    this.windows.advance(watermarkUs, [...this.#rows.values()]);
  }

  emit(): void {
    this.windows.emit([...this.#rows.values()]);
  }

  replayLate(choice: { window: string; fromUs: bigint; toUs: bigint }): void {
    this.windows.replayLate(choice, [...this.#rows.values()]);
  }

  outcome(): StreamOutcome {
    return { rows: [...this.#rows.values()], lateRows: this.windows.lateRows() };
  }
}
