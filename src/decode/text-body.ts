/**
 * Turns a text body into the pieces of a staging file in which every line is plain or canonical.
 */
import { isUtf8 } from "node:buffer";
import { type DatasetPlan } from "../plan/plan.ts";
import { type Batch, type DecodeLimits, type Decoded, type Reject } from "./batch.ts";
import { type CsvHeader, readCsvHeader, scanCsv, splitCsvRecord } from "./csv-scan.ts";
import {
  canonicalCsvLine,
  canonicalJsonLine,
  exactRow,
  type ExactRow,
  type ExactRowOptions,
  requiredNames,
} from "./exact-row.ts";
import { type Token } from "./token.ts";
import { jsonDocumentToLines } from "./json-document.ts";
import { readJsonLine } from "./json-line.ts";
import { isBlank, scanNdjson } from "./ndjson-scan.ts";
import { BYTE } from "./plain-value.ts";
import { type RowShape } from "./row-shape.ts";
import { NO_ROWS, type Scan, type ScanLimits, type SuspectLine, type TimeOrder } from "./scan.ts";

export type StagingFormat =
  | { readonly kind: "ndjson" }
  /** Names in the order of the file's columns. */
  | { readonly kind: "csv"; readonly columns: readonly string[] };

export interface TextPieces {
  readonly format: StagingFormat;
  readonly pieces: readonly Uint8Array[];
  readonly decoded: Decoded;
  /** Of the accepted rows; the disorder is an upper bound. */
  readonly order: TimeOrder;
}

export interface TextContext {
  readonly dataset: DatasetPlan;
  readonly shape: RowShape;
  readonly limits: DecodeLimits;
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * `everyLine` sends all lines through the exact lane: the way out when DuckDB refuses what the
 * scanner took for plain.
 */
export function readTextBody(context: TextContext, batch: Batch, everyLine: boolean): TextPieces {
  const hasBom = Buffer.compare(batch.body.subarray(0, 3), BOM) === 0;
  const body = hasBom ? batch.body.subarray(3) : batch.body;
  // The exact lane decodes line by line and can say which line is not UTF-8.
  const exactly = everyLine || !isUtf8(body);
  if (batch.header.format === "csv") return readCsv(context, batch, body, exactly);
  if (batch.header.format === "ndjson") return readLines(context, batch, body, exactly);
  const lines = jsonDocumentToLines(body);
  if (lines.kind === "problem") return refused(batch, 0, [], lines.reason, "Send valid JSON.");
  return readLines(context, batch, lines.body, exactly);
}

function refused(
  batch: Batch,
  received: number,
  rejects: readonly Reject[],
  reason: string,
  hint: string,
): TextPieces {
  return {
    format: { kind: "ndjson" },
    pieces: [],
    order: NO_ROWS,
    decoded: { kind: "refused", batch, reason, hint, received, rejects },
  };
}

function scanLimits(context: TextContext, batch: Batch): ScanLimits {
  const { maxFutureSkewUs } = context.dataset.watermark;
  return {
    maxEventTimeUs: Number(batch.header.receivedAtUs) + maxFutureSkewUs,
    maxLineBytes: context.limits.maxLineBytes,
  };
}

function readLines(
  context: TextContext,
  batch: Batch,
  body: Uint8Array,
  everyLine: boolean,
): TextPieces {
  const { shape } = context;
  const limits = scanLimits(context, batch);
  const scan = everyLine ? everyLineOf(body) : scanNdjson(body, shape, limits);
  const options = { lenientText: false, maxEventTimeUs: limits.maxEventTimeUs };
  return mend(context, batch, body, 0, { kind: "ndjson" }, scan, (text) => {
    const line = readJsonLine(text);
    if (line.kind === "problem") return line;
    const row = exactRow(shape, line.members, options);
    return row.kind === "problem"
      ? row
      : {
          kind: "line",
          text: canonicalJsonLine(shape.columns, row.values),
          timeUs: row.eventTimeUs,
        };
  });
}

function everyLineOf(body: Uint8Array): Scan {
  const suspects: SuspectLine[] = [];
  let hasBlankLines = false;
  let line = 0;
  for (let start = 0; start < body.length;) {
    line++;
    const found = body.indexOf(BYTE.LF, start);
    const end = found < 0 ? body.length : found;
    if (isBlank(body, start, end)) hasBlankLines = true;
    else suspects.push({ line, start, end });
    start = end + 1;
  }
  return { rows: suspects.length, suspects, hasBlankLines, order: NO_ROWS };
}

function readCsv(
  context: TextContext,
  batch: Batch,
  body: Uint8Array,
  everyLine: boolean,
): TextPieces {
  const { shape } = context;
  const header = readCsvHeader(body);
  const problem = headerProblem(context.dataset, header.names);
  if (problem !== undefined) {
    return refused(batch, 0, [], problem, "Send a header line that names the dataset's columns.");
  }
  const fileColumns = header.names.map((name) =>
    shape.columns.findIndex((column) => column.name === name),
  );
  const limits = scanLimits(context, batch);
  // With no plain line possible, the scanner reports every record as a suspect.
  const scan = scanCsv(body, header, shape, everyLine ? [...fileColumns, -1] : fileColumns, limits);
  const options = { lenientText: true, maxEventTimeUs: limits.maxEventTimeUs };
  // Every line as JSON: DuckDB's CSV reader fails on a CR LF inside of quotes.
  const format: StagingFormat = everyLine
    ? { kind: "ndjson" }
    : { kind: "csv", columns: header.names };
  let hasBreaks = false;
  const pieces = mend(context, batch, body, header.bodyStart, format, scan, (text) => {
    const row = exactCsvRow(shape, header, text, options);
    if (row.kind === "problem") return row;
    const { values, eventTimeUs: timeUs } = row;
    if (everyLine) return { kind: "line", text: canonicalJsonLine(shape.columns, values), timeUs };
    hasBreaks ||= /[\r\n]/.test(text.trimEnd());
    const inOrder = fileColumns.map((column) => values[column] ?? null);
    return { kind: "line", text: canonicalCsvLine(inOrder), timeUs };
  });
  return hasBreaks ? readCsv(context, batch, body, true) : withHeader(pieces, body, header);
}

/** A rejected record says little without its header: both go into the dead letter. */
function withHeader(pieces: TextPieces, body: Uint8Array, header: CsvHeader): TextPieces {
  const { decoded } = pieces;
  if (decoded.rejects.length === 0) return pieces;
  const line = Buffer.from(body.subarray(0, header.bodyStart)).toString().trimEnd();
  const rejects = decoded.rejects.map((one) => ({ ...one, raw: `${line}\n${one.raw}` }));
  return { ...pieces, decoded: { ...decoded, rejects } };
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

type MendedLine =
  | Exclude<ExactRow, { kind: "row" }>
  | { readonly kind: "line"; readonly text: string; readonly timeUs: number };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Puts the canonical form of each suspect in its place, or leaves it out and keeps the reason. */
function mend(
  context: TextContext,
  batch: Batch,
  body: Uint8Array,
  bodyStart: number,
  format: StagingFormat,
  scan: Scan,
  read: (text: string) => MendedLine & { readonly column?: number },
): TextPieces {
  const { limits } = context;
  const pieces: Uint8Array[] = [];
  const rejects: Reject[] = [];
  let copied = bodyStart;
  let { minUs, maxUs } = scan.order;
  let hasMended = false;
  for (const { line, start, end } of scan.suspects) {
    if (start > copied) pieces.push(body.subarray(copied, start));
    copied = Math.min(end + 1, body.length);
    const mended = mendLine(body.subarray(start, end), limits.maxLineBytes, read);
    if (mended.kind === "line") {
      pieces.push(Buffer.from(mended.text));
      minUs = Math.min(minUs, mended.timeUs);
      maxUs = Math.max(maxUs, mended.timeUs);
      hasMended = true;
    } else {
      const raw =
        mended.raw ?? Buffer.from(body.subarray(start, Math.min(end, start + 4096))).toString();
      rejects.push({ line, column: mended.column ?? null, reason: mended.reason, raw });
    }
    if (rejects.length > limits.maxRejects) break;
  }
  if (copied < body.length) pieces.push(body.subarray(copied));
  if (rejects.length > limits.maxRejects) {
    const reason = `more than ${limits.maxRejects} rows are invalid; the first: ${rejects[0]?.reason}`;
    return refused(
      batch,
      scan.rows,
      rejects.slice(0, 10),
      reason,
      "Check format and columns of the body.",
    );
  }
  if (scan.rows > limits.maxRows) {
    return refused(
      batch,
      scan.rows,
      [],
      `more than ${limits.maxRows} rows`,
      "Send smaller bodies.",
    );
  }
  if (batch.header.onInvalid === "reject" && rejects.length > 0) {
    const reason = `${rejects.length} of ${scan.rows} rows are invalid`;
    return refused(
      batch,
      scan.rows,
      rejects,
      reason,
      "Mend the rows, or send without onInvalid=reject.",
    );
  }
  return {
    format,
    pieces: endWithLineBreak(pieces),
    // Where a mended row stood among the others is not worth following: the range bounds the
    // disorder.
    order: hasMended ? { minUs, maxUs, disorderUs: maxUs - minUs } : scan.order,
    decoded: { kind: "rows", batch, accepted: scan.rows - rejects.length, rejects },
  };
}

function mendLine(
  bytes: Uint8Array,
  maxLineBytes: number,
  read: (text: string) => MendedLine & { readonly column?: number },
): MendedLine & { readonly column?: number; readonly raw?: string } {
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

/** Bodies are laid one behind the other in a staging file: none may end in the middle of a line. */
function endWithLineBreak(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const last = pieces.at(-1);
  if (last === undefined || last.at(-1) === BYTE.LF) return pieces;
  return [...pieces, Buffer.from("\n")];
}
