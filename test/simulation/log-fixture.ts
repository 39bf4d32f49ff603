/** Entries and settings that the tests of the log share. */
import { type EntryHeader } from "../../src/log/entry.ts";
import { openLog, type Log, type LogOptions } from "../../src/log/log.ts";
import { type LogSettings } from "../../src/log/log-settings.ts";
import { type Random } from "./random.ts";

/** Small enough that a few entries make a segment, and two or three a group. */
export const SMALL_SETTINGS: LogSettings = {
  segmentBytes: 6000,
  segmentAgeMs: 3_600_000,
  groupBytes: 2500,
  maxPendingBytes: 1_000_000,
  maxBodyBytes: 100_000,
};

export const LOG_ID = "0123456789abcdef0123456789abcdef";

export interface Written {
  readonly header: EntryHeader;
  readonly body: Uint8Array;
}

export function batchHeader(receivedAtUs = 1n, dataset = "ticks"): EntryHeader {
  return {
    kind: "batch",
    dataset,
    format: "ndjson",
    onInvalid: "dead_letter",
    receivedAtUs,
    producer: "",
    idempotencyKey: "",
  };
}

/** An entry of any kind and size, never the same twice: its number is in its bytes. */
export function randomEntry(random: Random, number: number): Written {
  const receivedAtUs = BigInt(number);
  const header = random.pick<EntryHeader>([
    batchHeader(receivedAtUs, `d${random.below(3)}`),
    { kind: "tick", receivedAtUs },
    { kind: "control", receivedAtUs },
  ]);
  const sizeBytes = random.pick([0, 1, 60, 200, 400, 400, 512, 700, 1500, 5000]);
  const body = Buffer.alloc(sizeBytes, `#${number} `);
  return { header, body };
}

/** The body in one to three parts, as a request's chunks would come. */
export function inParts(body: Uint8Array, random: Random): readonly Uint8Array[] {
  const first = random.below(body.length + 1);
  const second = first + random.below(body.length - first + 1);
  return [body.subarray(0, first), body.subarray(first, second), body.subarray(second)];
}

export function openSmallLog(
  directory: string,
  options: Omit<LogOptions, "newLogId">,
): Promise<Log> {
  return openLog(directory, { settings: SMALL_SETTINGS, ...options, newLogId: () => LOG_ID });
}

/** Everything the log hands out, as comparable values. */
export async function readAll(log: Log, from = log.firstPosition): Promise<string[]> {
  const lines: string[] = [];
  for await (const { position, header, body } of log.read(from)) {
    lines.push(describeEntry(position, { header, body }));
  }
  return lines;
}

export function describeEntry(position: number, { header, body }: Written): string {
  const fields = header.kind === "batch" ? `${header.dataset}/${header.producer}` : "";
  const bytes = Buffer.from(body).toString("latin1");
  return `${position} ${header.kind} ${header.receivedAtUs} ${fields} ${bytes}`;
}
