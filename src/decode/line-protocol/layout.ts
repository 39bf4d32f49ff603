/**
 * Which column each tag and field of a point goes to: found once for all points that look alike.
 */
import { measurementsOf } from "../../plan/line-protocol.ts";
import { type ColumnPlan, type DatasetPlan, type Plan } from "../../plan/plan.ts";
import { isRequired } from "../row-shape.ts";
import { type LineRecord, nameEnd, unescapeName } from "./record.ts";

/** Rows of one dataset, as line protocol brings them in. */
export interface LineTarget {
  readonly dataset: DatasetPlan;
  readonly columns: ReadonlyMap<string, ColumnPlan>;
  readonly rest: ColumnPlan | undefined;
}

/** A column, a member of the `rest` column, or nothing that would take it. */
export interface Slot {
  readonly name: string;
  /** Undefined: it goes into the `rest` column. */
  readonly column: ColumnPlan | undefined;
  /** What stands before the value in the row: `,"name":`, as bytes. */
  readonly prefix: string;
}

export interface Layout {
  /** Undefined where no dataset takes the measurement. */
  readonly target: LineTarget | undefined;
  readonly problem: string | undefined;
  readonly slots: readonly Slot[];
  /** What every row begins with, up to the event time's value: `{"measurement":"cpu","time":"`. */
  readonly head: string;
}

interface KnownLayout {
  /** As they stand in the body, escapes included. */
  readonly keys: readonly string[];
  readonly tagCount: number;
  readonly layout: Layout;
}

/** Of one plan. A layout is remembered by measurement, which is how bodies repeat them. */
export class Layouts {
  readonly #targets = new Map<string, LineTarget>();
  readonly #known = new Map<string, KnownLayout>();

  constructor(plan: Plan) {
    const targets = new Map(plan.datasets.map((dataset) => [dataset.name, targetOf(dataset)]));
    for (const [measurement, name] of measurementsOf(plan)) {
      const target = targets.get(name);
      if (target !== undefined) this.#targets.set(measurement, target);
    }
  }

  of(text: string, record: LineRecord): Layout {
    const measurement = text.slice(record.measurementStart, record.measurementEnd);
    const known = this.#known.get(measurement);
    if (known !== undefined && isSame(known, text, record)) return known.layout;
    const keys = record.members
      .slice(0, record.memberCount)
      .map((member) => text.slice(member.keyStart, member.keyEnd));
    const layout = this.#build(measurement, keys, record.tagCount);
    // Names that somebody else chooses are without number: only those of the project are kept.
    if (layout.target !== undefined) {
      this.#known.set(measurement, { keys, tagCount: record.tagCount, layout });
    }
    return layout;
  }

  /** The dataset of a record that cannot be read beyond its measurement; undefined for none. */
  datasetOf(text: string, start: number, end: number): string | undefined {
    const raw = text.slice(start, nameEnd(text, start, end));
    const measurement = fromBytes(unescapeName(raw, "measurement"));
    return this.#targets.get(measurement)?.dataset.name;
  }

  #build(rawMeasurement: string, keys: readonly string[], tagCount: number): Layout {
    const measurement = fromBytes(unescapeName(rawMeasurement, "measurement"));
    const target = this.#targets.get(measurement);
    if (target === undefined) {
      const known = [...this.#targets.keys()].slice(0, 12).map((one) => JSON.stringify(one));
      const name = JSON.stringify(clipped(measurement));
      const problem = `no dataset takes the measurement ${name} (known: ${known.join(", ")})`;
      return { target, problem, slots: [], head: "" };
    }
    const names = keys.map((key, index) =>
      fromBytes(unescapeName(key, index < tagCount ? "tag" : "field")),
    );
    const slots = names.map((name) => slotOf(target, name));
    const { head, column: measured } = headOf(target.dataset, measurement);
    const taken = slots.flatMap((slot) => slot?.column?.name ?? []);
    const problem =
      repeatedName(names, tagCount) ??
      unknownName(target, names, slots) ??
      repeatedColumn([...taken, ...measured]) ??
      missingColumn(target, [...taken, ...measured]);
    return { target, problem, slots: slots.flatMap((slot) => slot ?? []), head };
  }
}

function targetOf(dataset: DatasetPlan): LineTarget {
  const { rename = {}, rest, measurementColumn } = dataset.lineProtocol ?? {};
  const own = dataset.columns.filter((column) => column.name !== dataset.eventTime);
  const renamed = new Set([...Object.values(rename), rest, measurementColumn]);
  const columns = new Map(
    own.filter((column) => !renamed.has(column.name)).map((column) => [column.name, column]),
  );
  for (const [from, to] of Object.entries(rename)) {
    const column = own.find((one) => one.name === to);
    if (column !== undefined) columns.set(from, column);
  }
  return { dataset, columns, rest: own.find((column) => column.name === rest) };
}

function slotOf(target: LineTarget, name: string): Slot | undefined {
  const column = target.columns.get(name);
  if (column === undefined && target.rest === undefined) return undefined;
  return { name, column, prefix: `,${toBytes(JSON.stringify(column?.name ?? name))}:` };
}

function headOf(
  dataset: DatasetPlan,
  measurement: string,
): { readonly head: string; readonly column: readonly string[] } {
  const name = dataset.lineProtocol?.measurementColumn;
  const own = name === undefined ? [] : [name];
  const member = own
    .map((one) => `${JSON.stringify(one)}:${JSON.stringify(measurement)},`)
    .join("");
  return { head: toBytes(`{${member}${JSON.stringify(dataset.eventTime)}:"`), column: own };
}

function repeatedName(names: readonly string[], tagCount: number): string | undefined {
  const tags = names.slice(0, tagCount);
  if (new Set(tags).size < tagCount) return "duplicate tags";
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  return repeated === undefined ? undefined : `${JSON.stringify(clipped(repeated))} comes twice`;
}

function unknownName(
  { dataset, columns }: LineTarget,
  names: readonly string[],
  slots: readonly (Slot | undefined)[],
): string | undefined {
  const index = slots.indexOf(undefined);
  if (index < 0) return undefined;
  const known = [...columns.keys()].slice(0, 12).join(", ");
  return `${dataset.name} has no column for ${JSON.stringify(clipped(names[index] ?? ""))} (known: ${known})`;
}

function repeatedColumn(columns: readonly string[]): string | undefined {
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index);
  return repeated === undefined ? undefined : `column ${repeated} comes twice`;
}

function missingColumn(
  { dataset, rest }: LineTarget,
  taken: readonly string[],
): string | undefined {
  const missing = dataset.columns.find(
    (column) =>
      isRequired(column) &&
      column.name !== dataset.eventTime &&
      column.name !== rest?.name &&
      !taken.includes(column.name),
  );
  return missing === undefined ? undefined : `column ${missing.name} is missing`;
}

function isSame({ keys, tagCount }: KnownLayout, text: string, record: LineRecord): boolean {
  if (record.memberCount !== keys.length || record.tagCount !== tagCount) return false;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    const member = record.members[index];
    if (member === undefined || member.keyEnd - member.keyStart !== key.length) return false;
    if (!text.startsWith(key, member.keyStart)) return false;
  }
  return true;
}

function clipped(name: string): string {
  return name.length <= 60 ? name : `${name.slice(0, 57)}…`;
}

/** A byte string has one character a byte: slices of a body, and what goes to a staging file. */
export function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
