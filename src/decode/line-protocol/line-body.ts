/**
 * Turns a body of line protocol into one batch for each dataset that it has points of. What has no
 * dataset becomes a batch of rejects only, of `LINE_PROTOCOL`.
 */
import { isUtf8 } from "node:buffer";
import { isContentKey } from "../../log/content-key.ts";
import { type BatchEntry } from "../../log/entry.ts";
import { LINE_PROTOCOL } from "../../plan/line-protocol.ts";
import { type Plan } from "../../plan/plan.ts";
import { type Batch, type DecodeLimits, type PreparedLines, type Reject } from "../batch.ts";
import { type Layout, Layouts, type Slot, toBytes } from "./layout.ts";
import { lineTimeNs, nsToUs, quickTimeUs, TimeWriter } from "./line-time.ts";
import { exactLineValue, looseLineValue, plainLineValue } from "./line-value.ts";
import { LineRecord, parseRecord, recordEnd, skipBlanks } from "./record.ts";

export interface LineProtocolReader {
  /** In the order of the plan's datasets. At least one batch, whatever the body holds. */
  read(batch: Batch): readonly Batch[];
}

export function lineProtocolReader(plan: Plan, limits: DecodeLimits): LineProtocolReader {
  const layouts = new Layouts(plan);
  return {
    read(batch) {
      const reading = new Reading(layouts, limits, batch);
      reading.readAll();
      return reading.batches(plan);
    },
  };
}

/** Rows as bytes are gathered up to this size before they become a buffer. */
const PIECE_LENGTH = 256 * 1024;
/** What a dead letter keeps of a line that is longer than lines may be. */
const MAX_RAW_LENGTH = 4096;
/** Rejects of one body that is refused for having too many of them. */
const REJECTS_SHOWN = 10;

/** What one dataset gets of a body. */
class Part {
  readonly pieces: Uint8Array[] = [];
  readonly rejects: Reject[] = [];
  text = "";
  rows = 0;
  hasTimeless = false;

  add(row: string): void {
    this.text += row;
    if (this.text.length > PIECE_LENGTH) this.flush();
    this.rows++;
  }

  flush(): void {
    if (this.text === "") return;
    this.pieces.push(Buffer.from(this.text, "latin1"));
    this.text = "";
  }
}

type Row =
  | { readonly kind: "row"; readonly text: string }
  | { readonly kind: "problem"; readonly reason: string };

class Reading {
  readonly #layouts: Layouts;
  readonly #limits: DecodeLimits;
  readonly #batch: Batch;
  readonly #text: string;
  readonly #record = new LineRecord();
  readonly #times = new TimeWriter();
  readonly #parts = new Map<string, Part>();
  readonly #receivedUs: number;
  #rows = 0;
  #rejects = 0;

  constructor(layouts: Layouts, limits: DecodeLimits, batch: Batch) {
    this.#layouts = layouts;
    this.#limits = limits;
    this.#batch = batch;
    this.#receivedUs = Number(batch.header.receivedAtUs);
    this.#text = Buffer.from(
      batch.body.buffer,
      batch.body.byteOffset,
      batch.body.byteLength,
    ).toString("latin1");
  }

  readAll(): void {
    const text = this.#text;
    const isSound = isUtf8(this.#batch.body);
    let line = 1;
    for (let at = 0; at < text.length && !this.#isOverflowing();) {
      const end = recordEnd(text, at);
      let last = end;
      if (text.charCodeAt(last - 1) === 13 && last > at) last--;
      const start = skipBlanks(text, at, last);
      if (start < last && text.charCodeAt(start) !== 35) {
        this.#rows++;
        const problem =
          last - start > this.#limits.maxLineBytes
            ? `line of ${last - start} bytes is longer than ${this.#limits.maxLineBytes}`
            : isSound || isUtf8(Buffer.from(text.slice(start, last), "latin1"))
              ? undefined
              : "not UTF-8";
        this.#readRecord(start, last, line, problem);
      }
      line += lineBreaks(text, at, end) + 1;
      at = end + 1;
    }
  }

  #isOverflowing(): boolean {
    return this.#rejects > this.#limits.maxRejects || this.#rows > this.#limits.maxRows;
  }

  #readRecord(start: number, end: number, line: number, known: string | undefined): void {
    const text = this.#text;
    const record = this.#record;
    const broken = known ?? parseRecord(text, start, end, record);
    if (broken !== undefined) {
      // Its measurement may still say whose dead letter it is.
      const name = this.#layouts.datasetOf(text, start, end) ?? LINE_PROTOCOL;
      const raw = text.slice(
        start,
        known === undefined ? end : Math.min(end, start + MAX_RAW_LENGTH),
      );
      this.#reject(name, line, broken, raw, false);
      return;
    }
    const layout = this.#layouts.of(text, record);
    const isTimeless = record.timeStart === record.timeEnd;
    const row = this.#rowOf(layout);
    const name = layout.target?.dataset.name ?? LINE_PROTOCOL;
    if (row.kind === "row") {
      const part = this.#part(name);
      part.hasTimeless ||= isTimeless;
      part.add(row.text);
    } else {
      this.#reject(name, line, row.reason, this.#timed(start), isTimeless);
    }
  }

  #rowOf(layout: Layout): Row {
    if (layout.problem !== undefined) return { kind: "problem", reason: layout.problem };
    const { target, slots } = layout;
    const timeUs = this.#timeUs();
    if (target === undefined || timeUs === undefined) {
      return { kind: "problem", reason: "time outside range" };
    }
    const { maxFutureSkewUs } = target.dataset.watermark;
    const time = this.#times.write(timeUs);
    if (timeUs > this.#receivedUs + maxFutureSkewUs) {
      const reason = `the time ${time} is further in the future than maxFutureSkew allows`;
      return { kind: "problem", reason };
    }
    let row = `${layout.head}${time}"`;
    let rest: string[] | undefined;
    for (let index = 0; index < slots.length; index++) {
      const slot = slots[index] as Slot;
      const member = this.#record.members[index];
      if (member === undefined) break;
      if (slot.column === undefined) {
        rest ??= [];
        rest.push(`${JSON.stringify(slot.name)}:${looseLineValue(this.#text, member)}`);
        continue;
      }
      const plain = plainLineValue(slot.column, this.#text, member);
      if (plain !== undefined) {
        row += slot.prefix + plain;
        continue;
      }
      const value = exactLineValue(slot.column, this.#text, member);
      if (value.kind === "problem") {
        return { kind: "problem", reason: `${slot.name}: ${value.reason}` };
      }
      row += slot.prefix + value.json;
    }
    if (target.rest !== undefined) {
      row += `,${JSON.stringify(target.rest.name)}:{${toBytes((rest ?? []).join(","))}}`;
    }
    return { kind: "row", text: `${row}}\n` };
  }

  #timeUs(): number | undefined {
    const { timeStart, timeEnd } = this.#record;
    if (timeStart === timeEnd) return this.#receivedUs;
    const unit = this.#batch.header.timeUnit ?? "ns";
    const text = this.#text.slice(timeStart, timeEnd);
    const quick = quickTimeUs(text, unit);
    if (quick !== undefined) return quick;
    const ns = lineTimeNs(text, unit);
    return ns === undefined ? undefined : Number(nsToUs(ns));
  }

  /** The record with its time in nanoseconds: it can be sent again whatever unit it came with. */
  #timed(start: number): string {
    const { fieldsEnd, timeStart, timeEnd } = this.#record;
    const text = this.#text.slice(start, fieldsEnd);
    const written = this.#text.slice(timeStart, timeEnd);
    const { receivedAtUs, timeUnit = "ns" } = this.#batch.header;
    const ns = written === "" ? receivedAtUs * 1000n : lineTimeNs(written, timeUnit);
    return ns === undefined ? `${text} ${written}` : `${text} ${ns}`;
  }

  #reject(name: string, line: number, reason: string, raw: string, isTimeless: boolean): void {
    this.#rejects++;
    const part = this.#part(name);
    part.hasTimeless ||= isTimeless;
    const bytes = Buffer.from(raw, "latin1");
    part.rejects.push({ line, column: null, reason, raw: bytes.toString("utf8") });
  }

  #part(name: string): Part {
    let part = this.#parts.get(name);
    if (part === undefined) {
      part = new Part();
      this.#parts.set(name, part);
    }
    return part;
  }

  batches(plan: Plan): readonly Batch[] {
    if (this.#isOverflowing()) return [this.#refusal()];
    const batches = plan.datasets.flatMap((dataset) => {
      const part = this.#parts.get(dataset.name);
      const isToldApart = dataset.key.length > 0 || dataset.dedup !== null;
      return part === undefined ? [] : [this.#batchOf(dataset.name, part, isToldApart)];
    });
    const homeless = this.#parts.get(LINE_PROTOCOL);
    if (homeless !== undefined) batches.push(this.#batchOf(LINE_PROTOCOL, homeless, false));
    return batches.length > 0 ? batches : [this.#batchOf(LINE_PROTOCOL, new Part(), true)];
  }

  #batchOf(name: string, part: Part, isToldApart: boolean): Batch {
    const { position, body } = this.#batch;
    const batch = { position, header: this.#headerFor(name, part, isToldApart), body };
    part.flush();
    const prepared: PreparedLines = {
      pieces: part.pieces,
      decoded: { kind: "rows", batch, accepted: part.rows, rejects: part.rejects },
    };
    return { ...batch, prepared };
  }

  /**
   * A key that stands for the content alone is dropped where equal content can be two things
   * (points without a time happen when they come), and where repeated rows are found anyway.
   */
  #headerFor(name: string, part: Part, isToldApart: boolean): BatchEntry {
    const header = { ...this.#batch.header, dataset: name };
    const isUnsafe = isToldApart || part.hasTimeless;
    return isUnsafe && isContentKey(header.idempotencyKey)
      ? { ...header, idempotencyKey: "" }
      : header;
  }

  #refusal(): Batch {
    const { position, body, header } = this.#batch;
    const batch = { position, body, header: { ...header, dataset: LINE_PROTOCOL } };
    const rejects = [...this.#parts.values()].flatMap((part) => part.rejects);
    const isTooBad = this.#rejects > this.#limits.maxRejects;
    const { maxRejects, maxRows } = this.#limits;
    const prepared: PreparedLines = {
      pieces: [],
      decoded: {
        kind: "refused",
        batch,
        reason: isTooBad
          ? `more than ${maxRejects} points are invalid; the first: ${rejects[0]?.reason}`
          : `more than ${maxRows} points`,
        hint: isTooBad ? "Check the body against the datasets." : "Send smaller bodies.",
        received: this.#rows,
        rejects: rejects.sort((a, b) => a.line - b.line).slice(0, REJECTS_SHOWN),
      },
    };
    return { ...batch, prepared };
  }
}

function lineBreaks(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) {
    count++;
  }
  return count;
}
