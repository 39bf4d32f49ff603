/** Which content types come in and go out, and how the headers that name them are read. */
import { KurobeError } from "../core/errors.ts";

export type RowFormat = "ndjson" | "json" | "csv" | "parquet";

const ROW_TYPES: ReadonlyMap<string, RowFormat> = new Map([
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
  ["application/x-jsonlines", "ndjson"],
  ["application/json", "json"],
  ["text/json", "json"],
  ["text/csv", "csv"],
  ["application/vnd.apache.parquet", "parquet"],
]);

/** The one type of each format that documents and messages name. */
export const ROW_CONTENT_TYPES: Readonly<Record<RowFormat, string>> = {
  ndjson: "application/x-ndjson",
  json: "application/json",
  csv: "text/csv",
  parquet: "application/vnd.apache.parquet",
};

/** Throws KRB_SERVE_MEDIA_TYPE with the list of what is supported. */
export function rowFormatOf(contentType: string | undefined): RowFormat {
  // Nearly every client sends one of the names alone.
  const plain = ROW_TYPES.get(contentType ?? "");
  if (plain !== undefined) return plain;
  const { type, parameters } = parseMediaType(contentType ?? "");
  const format = ROW_TYPES.get(type);
  if (format === undefined) {
    const what = contentType === undefined ? "no content type" : JSON.stringify(type.slice(0, 80));
    throw unsupported(`${what} is not a format of rows`);
  }
  const charset = parameters.get("charset");
  if (
    charset !== undefined &&
    charset !== "utf-8" &&
    charset !== "utf8" &&
    charset !== "us-ascii"
  ) {
    throw unsupported(
      `the charset ${JSON.stringify(charset.slice(0, 40))} is not read, only UTF-8`,
    );
  }
  if (parameters.get("header") === "absent") {
    throw unsupported("CSV without a header line is not read: its columns have no names");
  }
  return format;
}

function unsupported(message: string): KurobeError {
  return new KurobeError("KRB_SERVE_MEDIA_TYPE", message, {
    details: { supported: Object.values(ROW_CONTENT_TYPES) },
  });
}

export interface MediaType {
  /** In lower case, without parameters. */
  readonly type: string;
  /** Names and values in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

export function parseMediaType(text: string): MediaType {
  const [type = "", ...rest] = text.toLowerCase().split(";");
  const parameters = rest.map((part): [string, string] => {
    const [name = "", value = ""] = part.split("=");
    return [name.trim(), value.trim().replace(/^"(.*)"$/, "$1")];
  });
  return { type: type.trim(), parameters: new Map(parameters) };
}

/** Longer Accept headers than any client writes are refused rather than read. */
const MAX_ACCEPT_LENGTH = 1000;

/**
 * The offered type that the client likes best; the first offer where it has no opinion. Among equal
 * weights the order of the offers decides. Throws KRB_SERVE_NOT_ACCEPTABLE.
 */
export function negotiate<T extends string>(accept: string | undefined, offers: readonly T[]): T {
  const first = offers[0];
  if (first === undefined) throw new TypeError("negotiate needs an offer");
  if (accept === undefined || accept.trim() === "" || accept === "*/*") return first;
  const ranges = accept.slice(0, MAX_ACCEPT_LENGTH).split(",").map(parseMediaType);
  let best: { readonly offer: T; readonly weight: number } | undefined;
  for (const offer of offers) {
    const weight = weightOf(offer, ranges);
    if (weight > (best?.weight ?? 0)) best = { offer, weight };
  }
  if (best !== undefined) return best.offer;
  throw new KurobeError(
    "KRB_SERVE_NOT_ACCEPTABLE",
    `no answer is of the type ${JSON.stringify(accept.slice(0, 80))}`,
    { details: { supported: offers } },
  );
}

/** The most specific range that covers the offer decides, as RFC 9110 has it. */
function weightOf(offer: string, ranges: readonly MediaType[]): number {
  const kinds = [offer, `${offer.split("/")[0] ?? ""}/*`, "*/*"];
  for (const kind of kinds) {
    const range = ranges.find((one) => one.type === kind);
    if (range === undefined) continue;
    const weight = Number(range.parameters.get("q") ?? "1");
    return Number.isFinite(weight) ? Math.min(1, Math.max(0, weight)) : 0;
  }
  return 0;
}
