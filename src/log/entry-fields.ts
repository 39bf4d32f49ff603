/** The part of an entry header that a frame carries as JSON: everything but kind and time. */
import {
  type BatchEntry,
  type BodyFormat,
  type Cursor,
  type EntryHeader,
  type TimeUnit,
} from "./entry.ts";
import { type FrameKind } from "./segment-format.ts";

const EMPTY = new Uint8Array(0);
const FORMATS: ReadonlySet<unknown> = new Set<BodyFormat>([
  "ndjson",
  "json",
  "csv",
  "parquet",
  "lineprotocol",
]);
const UNITS: ReadonlySet<unknown> = new Set<TimeUnit>(["ns", "us", "ms", "s", "m", "h"]);

export function encodeFields(header: EntryHeader): Uint8Array {
  if (header.kind !== "batch") return EMPTY;
  const { dataset, format, onInvalid, producer, idempotencyKey } = header;
  const { timeUnit, cursor, replay, endsGroup } = header;
  const always = { dataset, format, onInvalid, producer, idempotencyKey };
  const fields = { ...always, timeUnit, cursor, replay, endsGroup };
  return Buffer.from(JSON.stringify(fields), "utf8");
}

/** Nothing where the fields are not what this version writes; the caller says in which file. */
export function decodeFields(
  kind: Exclude<FrameKind, "mark">,
  receivedAtUs: bigint,
  bytes: Uint8Array,
): EntryHeader | undefined {
  if (kind !== "batch") return { kind, receivedAtUs };
  const fields = parseObject(bytes);
  const { dataset, format, onInvalid, producer, idempotencyKey } = fields;
  const { timeUnit, cursor, replay, endsGroup } = fields;
  if (typeof dataset !== "string" || typeof producer !== "string") return undefined;
  if (typeof idempotencyKey !== "string" || !isFormat(format)) return undefined;
  if (onInvalid !== "dead_letter" && onInvalid !== "reject") return undefined;
  const header: BatchEntry = {
    kind,
    dataset,
    format,
    onInvalid,
    receivedAtUs,
    producer,
    idempotencyKey,
  };
  if (timeUnit !== undefined && !isUnit(timeUnit)) return undefined;
  if (cursor !== undefined && !isCursor(cursor)) return undefined;
  if (replay !== undefined && typeof replay !== "string") return undefined;
  return {
    ...header,
    ...(timeUnit === undefined ? {} : { timeUnit }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(endsGroup === true ? { endsGroup } : {}),
    ...(replay === undefined ? {} : { replay }),
  };
}

function isCursor(value: unknown): value is Cursor {
  if (typeof value !== "object" || value === null) return false;
  const { source, key, value: place } = value as Partial<Record<keyof Cursor, unknown>>;
  return [source, key, place].every((part) => typeof part === "string");
}

function isUnit(value: unknown): value is TimeUnit {
  return UNITS.has(value);
}

function isFormat(value: unknown): value is BodyFormat {
  return FORMATS.has(value);
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
