/** Turns a text body into rows: plain lines by bytes, all others one by one in the exact lane. */
import { isUtf8 } from "node:buffer";
import { type DatasetPlan } from "../plan/plan.ts";
import {
  type Batch,
  type DecodeLimits,
  type Decoded,
  type PreparedLines,
  type Reject,
} from "./batch.ts";
import { type CsvHeader, readCsvHeader, scanCsv, splitCsvRecord } from "./csv-scan.ts";
import { exactRow, type ExactRow, type ExactRowOptions, requiredNames } from "./exact-row.ts";
import { type Token } from "./token.ts";
import { jsonDocumentToLines } from "./json-document.ts";
import { readJsonLine } from "./json-line.ts";
import { scanNdjson } from "./ndjson-scan.ts";
import { type RowColumns } from "./row-columns.ts";
import { type RowShape } from "./row-shape.ts";
import {
  NO_ROWS,
  RowClock,
  type ScanLimits,
  type ScanTarget,
  type SuspectLine,
  type TimeOrder,
} from "./scan.ts";

/** What became of a body whose rows, if any, are in the columns now. */
export interface TextBody {
  readonly decoded: Decoded;
  /** Of the accepted rows. */
  readonly order: TimeOrder;
}

export interface TextContext {
  readonly dataset: DatasetPlan;
  readonly shape: RowShape;
  readonly limits: DecodeLimits;
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Adds the rows of a body to `columns`; a body that is refused adds none. */
export async function readTextBody(
  context: TextContext,
  batch: Batch,
  columns: RowColumns,
): Promise<TextBody> {
  const hasBom = Buffer.compare(batch.body.subarray(0, 3), BOM) === 0;
  const body = hasBom ? batch.body.subarray(3) : batch.body;
  if (batch.header.format === "csv") return readCsv(context, batch, body, columns);
  if (batch.header.format === "ndjson") return readLines(context, batch, body, columns);
  const lines = jsonDocumentToLines(body);
  if (lines.kind === "problem") return refused(batch, 0, [], lines.reason, "Send valid JSON.");
  return readLines(context, batch, lines.body, columns);
}

/** Adds rows that another reader has judged; of them none is refused any more. */
export async function readPreparedLines(
  { shape }: TextContext,
  { pieces, decoded }: PreparedLines,
  columns: RowColumns,
): Promise<TextBody> {
  const body = Buffer.concat(pieces);
  const clock = new RowClock();
  const limits = {
    maxEventTimeUs: Number.POSITIVE_INFINITY,
    maxLineBytes: Number.POSITIVE_INFINITY,
    everyLine: false,
  };
  const onSuspect = ({ start, end }: SuspectLine): boolean => {
    const line = readJsonLine(utf8.decode(body.subarray(start, end)));
    const row = line.kind === "problem" ? line : exactRow(shape, line.members, EXACT_VALUES);
    if (row.kind === "problem") throw new Error(`a prepared line is no row: ${row.reason}`);
    columns.addCanonical(row.values);
    clock.note(row.eventTimeUs);
    return true;
  };
  await scanNdjson(body, shape, limits, { columns, clock, onSuspect });
  return { decoded, order: clock.order };
}

const EXACT_VALUES = { lenientText: false, maxEventTimeUs: Number.POSITIVE_INFINITY } as const;

function refused(
  batch: Batch,
  received: number,
  rejects: readonly Reject[],
  reason: string,
  hint: string,
): TextBody {
  return { order: NO_ROWS, decoded: { kind: "refused", batch, reason, hint, received, rejects } };
}

function scanLimits(context: TextContext, batch: Batch, body: Uint8Array): ScanLimits {
  const { maxFutureSkewUs } = context.dataset.watermark;
  // No clock has a say in history.
  const isReplay = batch.header.replay !== undefined;
  return {
    maxEventTimeUs: isReplay
      ? Number.POSITIVE_INFINITY
      : Number(batch.header.receivedAtUs) + maxFutureSkewUs,
    maxLineBytes: context.limits.maxLineBytes,
    everyLine: !isUtf8(body),
  };
}

async function readLines(
  context: TextContext,
  batch: Batch,
  body: Uint8Array,
  columns: RowColumns,
): Promise<TextBody> {
  const { shape } = context;
  const limits = scanLimits(context, batch, body);
  const options = { lenientText: false, maxEventTimeUs: limits.maxEventTimeUs };
  const read = (text: string): ExactLine => {
    const line = readJsonLine(text);
    return line.kind === "problem" ? line : exactRow(shape, line.members, options);
  };
  return collect(context, batch, body, columns, read, (target) =>
    scanNdjson(body, shape, limits, target),
  );
}

async function readCsv(
  context: TextContext,
  batch: Batch,
  body: Uint8Array,
  columns: RowColumns,
): Promise<TextBody> {
  const { shape } = context;
  const header = readCsvHeader(body);
  const problem = headerProblem(context.dataset, header.names);
  if (problem !== undefined) {
    return refused(batch, 0, [], problem, "Send a header line that names the dataset's columns.");
  }
  const fileColumns = header.names.map((name) =>
    shape.columns.findIndex((column) => column.name === name),
  );
  const limits = scanLimits(context, batch, body);
  const options = { lenientText: true, maxEventTimeUs: limits.maxEventTimeUs };
  const read = (text: string): ExactLine => exactCsvRow(shape, header, text, options);
  const found = await collect(context, batch, body, columns, read, (target) =>
    scanCsv(body, header, shape, fileColumns, limits, target),
  );
  return withHeader(found, body, header);
}

/** A rejected record says little without its header: both go into the dead letter. */
function withHeader(found: TextBody, body: Uint8Array, header: CsvHeader): TextBody {
  const { decoded } = found;
  if (decoded.rejects.length === 0) return found;
  const line = Buffer.from(body.subarray(0, header.bodyStart)).toString().trimEnd();
  const rejects = decoded.rejects.map((one) => ({ ...one, raw: `${line}\n${one.raw}` }));
  return { ...found, decoded: { ...decoded, rejects } };
}

function exactCsvRow(
  shape: RowShape,
  header: CsvHeader,
  text: string,
  options: ExactRowOptions,
): ExactRow {
  const fields = splitCsvRecord(text.endsWith("\r") ? text.slice(0, -1) : text);
  if (fields.length !== header.names.length) {
    return {
      kind: "problem",
      reason: `expected ${header.names.length} fields, found ${fields.length}`,
    };
  }
  const members = fields.map((field, index): readonly [string, Token] => [
    header.names[index] ?? "",
    field.text === "" && !field.isQuoted
      ? { kind: "null", raw: "" }
      : { kind: "text", raw: field.text },
  ]);
  return exactRow(shape, members, options);
}

function headerProblem(dataset: DatasetPlan, names: readonly string[]): string | undefined {
  const known = new Set(dataset.columns.map((column) => column.name));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined)
    return `the CSV header names an unknown column ${JSON.stringify(unknown.slice(0, 60))}`;
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) return `the CSV header names column ${repeated} twice`;
  const missing = requiredNames(dataset.columns).find((name) => !names.includes(name));
  return missing === undefined ? undefined : `the CSV header lacks the required column ${missing}`;
}

type ExactLine = ExactRow & { readonly column?: number };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Runs a scan with the exact lane behind it, and judges the body as a whole. */
async function collect(
  context: TextContext,
  batch: Batch,
  body: Uint8Array,
  columns: RowColumns,
  read: (text: string) => ExactLine,
  scan: (target: ScanTarget) => Promise<number>,
): Promise<TextBody> {
  const { limits } = context;
  const rejects: Reject[] = [];
  const clock = new RowClock();
  const firstRow = columns.rows;
  const onSuspect = (suspect: SuspectLine): boolean => {
    const line = exactLine(body.subarray(suspect.start, suspect.end), limits.maxLineBytes, read);
    if (line.kind === "row") {
      columns.addCanonical(line.values);
      clock.note(line.eventTimeUs);
    } else {
      rejects.push(rejectOf(body, suspect, line));
    }
    return rejects.length <= limits.maxRejects && columns.rows - firstRow <= limits.maxRows;
  };
  const rows = await scan({ columns, clock, onSuspect });
  const problem = bodyProblem(limits, batch, rows, rejects);
  if (problem !== undefined) {
    columns.truncate(firstRow);
    return problem;
  }
  const decoded = { kind: "rows", batch, accepted: rows - rejects.length, rejects } as const;
  return { decoded, order: clock.order };
}

function bodyProblem(
  limits: DecodeLimits,
  batch: Batch,
  rows: number,
  rejects: readonly Reject[],
): TextBody | undefined {
  if (rejects.length > limits.maxRejects) {
    const reason = `more than ${limits.maxRejects} rows are invalid; the first: ${rejects[0]?.reason}`;
    return refused(
      batch,
      rows,
      rejects.slice(0, 10),
      reason,
      "Check format and columns of the body.",
    );
  }
  if (rows > limits.maxRows) {
    return refused(batch, rows, [], `more than ${limits.maxRows} rows`, "Send smaller bodies.");
  }
  if (batch.header.onInvalid === "reject" && rejects.length > 0) {
    const reason = `${rejects.length} of ${rows} rows are invalid`;
    return refused(
      batch,
      rows,
      rejects,
      reason,
      "Mend the rows, or send without onInvalid=reject.",
    );
  }
  return undefined;
}

const RAW_BYTES = 4096;

function rejectOf(
  body: Uint8Array,
  { line, start, end }: SuspectLine,
  problem: Extract<ReadLine, { readonly kind: "problem" }>,
): Reject {
  const { reason, column = null, raw } = problem;
  const shown =
    raw ?? Buffer.from(body.subarray(start, Math.min(end, start + RAW_BYTES))).toString();
  return { line, column, reason, raw: shown };
}

type ReadLine = ExactLine & { readonly raw?: string };

function exactLine(
  bytes: Uint8Array,
  maxLineBytes: number,
  read: (text: string) => ExactLine,
): ReadLine {
  if (bytes.length > maxLineBytes) {
    return {
      kind: "problem",
      reason: `line of ${bytes.length} bytes is longer than ${maxLineBytes}`,
    };
  }
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { kind: "problem", reason: "not UTF-8" };
  }
  return { raw: text, ...read(text) };
}
