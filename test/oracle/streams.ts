/** Streams: each row follows from one row of its source, when that comes in. */
import {
  type JoinPlan,
  type LookupPlan,
  type Plan,
  type StreamPlan,
  type WithinPlan,
} from "../../src/plan/plan.ts";
import { streamsInOrder } from "../../src/plan/stream-plan.ts";
import { evaluate } from "./expression.ts";
import { type LateRow } from "./result.ts";
import { identities, type Row, type StoredRow, type Value } from "./value.ts";
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
      const versions = [...news].flatMap(([name, list]) =>
        list.flatMap((one) => stream.see(name, one, watermarkUs)),
      );
      news.set(stream.plan.name, versions);
    }
    progress();
    this.#advance();
  }

  /** Event time may have gone on without a row. */
  tick(): void {
    this.#advance();
    for (const stream of this.all) stream.emit();
  }

  #advance(): void {
    for (const stream of this.all) stream.advance(this.#watermark(stream.plan));
  }

  #watermark(stream: StreamPlan): bigint | null {
    const own = this.#timeOf(stream.from);
    const [join] = stream.joins;
    if (join?.kind !== "within") return own;
    const other = this.#timeOf(join.with);
    if (own === null || other === null) return null;
    const behind = other - BigInt(join.toUs);
    return behind < own ? behind : own;
  }

  #timeOf(relation: string): bigint | null {
    const upstream = this.all.find((one) => one.plan.name === relation);
    return upstream === undefined ? this.#watermarkOf(relation) : this.#watermark(upstream.plan);
  }
}

/** Keeps the newest row of each key, or every row where there is no key. */
function keep(rows: Map<string, StoredRow>, key: readonly string[], version: Version): void {
  const id =
    key.length === 0 ? `#${version.seq}` : identities(key.map((name) => version.row[name] ?? null));
  rows.delete(id);
  if (version.takesBack !== true) rows.set(id, version);
}

function isSame(join: JoinPlan, own: Row, other: Row): boolean {
  return join.on.every((one) => {
    const [left = null, right = null] = [own[one.own], other[one.other]];
    return left !== null && right !== null && identities([left]) === identities([right]);
  });
}

/** The newest row that has come, or the newest by event time that is not after the row. */
function partnerOf(
  join: LookupPlan,
  row: StoredRow,
  references: readonly StoredRow[],
): StoredRow | undefined {
  const same = references.filter((one) => isSame(join, row.row, one.row));
  if (join.at === "latest") return same.toSorted((a, b) => a.seq - b.seq).at(-1);
  return same
    .filter((one) => one.eventTimeUs <= row.eventTimeUs)
    .toSorted((a, b) =>
      a.eventTimeUs === b.eventTimeUs ? a.seq - b.seq : a.eventTimeUs < b.eventTimeUs ? -1 : 1,
    )
    .at(-1);
}

class OracleStream {
  readonly plan: StreamPlan;
  readonly windows: OracleWindows;
  readonly #rows = new Map<string, StoredRow>();
  readonly #source = new Map<string, StoredRow>();
  readonly #sourceKey: readonly string[];
  readonly #references: Map<string, StoredRow>[] = [];
  readonly #referenceKeys: readonly (readonly string[])[];
  #nextSeq = 0;

  constructor(plan: Plan, stream: StreamPlan) {
    this.plan = stream;
    const keyOf = (name: string): readonly string[] =>
      [...plan.datasets, ...plan.streams].find((one) => one.name === name)?.key ?? [];
    this.#sourceKey = keyOf(stream.from);
    this.#referenceKeys = stream.joins.map((join) => keyOf(join.with));
    this.windows = new OracleWindows(plan.windows.filter((window) => window.from === stream.name));
  }

  /** A row of some relation: what it adds to the stream, or changes there. */
  see(relation: string, version: Version, watermarkUs: bigint | null): readonly Version[] {
    const { from, joins } = this.plan;
    if (relation === from) {
      keep(this.#source, this.#sourceKey, version);
      const [join] = joins;
      if (join?.kind === "within") {
        const others = [...(this.#references[0]?.values() ?? [])];
        return this.#pairs(join, [version], others, watermarkUs);
      }
      return this.#follow(version, watermarkUs);
    }
    return joins.flatMap((join, index) =>
      join.with === relation ? this.#refer(join, index, version, watermarkUs) : [],
    );
  }

  /** A row of a reference corrects, one by one, the rows whose match it is now. */
  #refer(
    join: JoinPlan,
    index: number,
    version: Version,
    watermarkUs: bigint | null,
  ): readonly Version[] {
    const references = this.#references[index] ?? new Map<string, StoredRow>();
    const before = [...references.values()];
    keep(references, this.#referenceKeys[index] ?? [], version);
    this.#references[index] = references;
    if (join.kind === "within") {
      return this.#pairs(join, [...this.#source.values()], [version], watermarkUs);
    }
    if (join.at === "latest") return [];
    const settledUs =
      watermarkUs === null || join.allowedLatenessUs === null
        ? null
        : watermarkUs - BigInt(join.allowedLatenessUs);
    return [...this.#source.values()]
      .toSorted((a, b) => a.seq - b.seq)
      .filter((one) => isSame(join, one.row, version.row) && version.eventTimeUs <= one.eventTimeUs)
      .filter((one) => settledUs === null || one.eventTimeUs >= settledUs)
      .filter((one) => {
        const match = partnerOf(join, one, before);
        return match === undefined || version.eventTimeUs >= match.eventTimeUs;
      })
      .flatMap((one) => this.#follow(one, watermarkUs));
  }

  #pairs(
    join: WithinPlan,
    own: readonly StoredRow[],
    others: readonly StoredRow[],
    watermarkUs: bigint | null,
  ): readonly Version[] {
    return own.flatMap((one) =>
      others
        .filter((other) => {
          const apart = other.eventTimeUs - one.eventTimeUs;
          const isNear = apart >= BigInt(join.fromUs) && apart <= BigInt(join.toUs);
          return isNear && isSame(join, one.row, other.row);
        })
        .flatMap((other) => this.#emit(one.row, [other], true, watermarkUs)),
    );
  }

  #follow(version: Version, watermarkUs: bigint | null): readonly Version[] {
    const partners = this.plan.joins.map((join, index) => {
      const known = [...(this.#references[index]?.values() ?? [])];
      return join.kind === "within" ? undefined : partnerOf(join, version, known);
    });
    const isLeftOut = this.plan.joins.some(
      (join, index) =>
        join.kind === "lookup" && join.keeps === "inner" && partners[index] === undefined,
    );
    const own = { ...version.row, _seq: BigInt(version.seq + 1) };
    return this.#emit(own, partners, version.takesBack !== true && !isLeftOut, watermarkUs);
  }

  #emit(
    own: Row,
    partners: readonly (StoredRow | undefined)[],
    isThere: boolean,
    watermarkUs: bigint | null,
  ): readonly Version[] {
    const { joins, where, select } = this.plan;
    const all: Record<string, Value> = { ...own };
    for (const [index, join] of joins.entries()) {
      for (const { name, column } of join.select) {
        all[name] = partners[index]?.row[column] ?? null;
      }
    }
    const belongs = isThere && (where === null || evaluate(where, all) === true);
    const row = Object.fromEntries(select.map((one) => [one.name, evaluate(one.expression, all)]));
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
