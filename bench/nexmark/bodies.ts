/**
 * The stream as Parquet bodies on disk, made once. It is dealt out to lanes, fifty events at a
 * time, as a source with several partitions would be; a lane's bodies are in order.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { closingEvents, EPOCH, NexmarkGenerator, type NexmarkEvent } from "./generator.ts";
import { ndjsonLine } from "./ndjson.ts";

export const KINDS = ["person", "auction", "bid"] as const;
export type Kind = (typeof KINDS)[number];

export const LANES = 4;
const SLICE_EVENTS = 200_000;
/** The first slice has one stretch of each lane, so short that none is ahead of another. */
const OPENING_EVENTS = LANES * EPOCH;
const CLOSING_AFTER_MS = 2 * 86_400_000;

export interface NexmarkBodies {
  readonly directory: string;
  readonly events: number;
  /**
   * Each lane's bodies in the order in which they are to be sent, three a slice; those of the last
   * slice close windows.
   */
  readonly lanes: readonly (readonly NexmarkBody[])[];
}

export interface NexmarkBody {
  readonly kind: Kind;
  readonly file: string;
}

/** Makes what an earlier call has not: a slice that opens, slices of 200,000, one that closes. */
export async function nexmarkBodies(
  home: string,
  events: number,
  progress: (text: string) => void,
): Promise<NexmarkBodies> {
  const directory = join(home, `nexmark-${events}`);
  mkdirSync(directory, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const generator = new NexmarkGenerator();
  const slices = [
    sliceLines(generator, 0, OPENING_EVENTS),
    ...Array.from({ length: Math.ceil(events / SLICE_EVENTS) }, (_, index) =>
      sliceLines(
        generator,
        Math.max(OPENING_EVENTS, index * SLICE_EVENTS),
        Math.min(events, (index + 1) * SLICE_EVENTS),
      ),
    ),
    closingLines(generator.timeOf(events)),
  ];
  try {
    for (const [slice, lines] of slices.entries()) {
      if (existsSync(join(directory, doneMark(slice)))) continue;
      progress(`making events: slice ${slice + 1} of ${slices.length}`);
      await writeSlice(connection, directory, slice, lines);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    slices.flatMap((_, slice) =>
      KINDS.map((kind) => ({ kind, file: join(directory, nameOf(slice, lane, kind)) })),
    ),
  );
  return { directory, events, lanes };
}

interface LaneLine {
  readonly kind: Kind;
  readonly lane: number;
  readonly line: string;
}

function* sliceLines(generator: NexmarkGenerator, from: number, to: number): Iterable<LaneLine> {
  for (let place = from; place < to; place++) {
    yield lineOf(generator.at(place), Math.floor(place / EPOCH) % LANES);
  }
}

/** Every lane says that it is over. */
function* closingLines(endMs: number): Iterable<LaneLine> {
  for (let lane = 0; lane < LANES; lane++) {
    for (const event of closingEvents(endMs + CLOSING_AFTER_MS)) yield lineOf(event, lane);
  }
}

function lineOf(event: NexmarkEvent, lane: number): LaneLine {
  return { kind: event.kind, lane, line: ndjsonLine(event) };
}

function nameOf(slice: number, lane: number, kind: Kind): string {
  return `${String(slice).padStart(4, "0")}-${lane}-${kind}.parquet`;
}

/** A slice is there when this file is, whatever else a stopped run may have left. */
function doneMark(slice: number): string {
  return `${String(slice).padStart(4, "0")}.done`;
}

const COLUMNS: Readonly<Record<Kind, string>> = {
  person: `{id: 'BIGINT', name: 'VARCHAR', email_address: 'VARCHAR', credit_card: 'VARCHAR',
    city: 'VARCHAR', state: 'VARCHAR', date_time: 'TIMESTAMP', extra: 'VARCHAR'}`,
  auction: `{id: 'BIGINT', item_name: 'VARCHAR', description: 'VARCHAR', initial_bid: 'BIGINT',
    reserve: 'BIGINT', date_time: 'TIMESTAMP', expires: 'TIMESTAMP', seller: 'BIGINT',
    category: 'BIGINT', extra: 'VARCHAR'}`,
  bid: `{auction: 'BIGINT', bidder: 'BIGINT', price: 'BIGINT', channel: 'VARCHAR', url: 'VARCHAR',
    date_time: 'TIMESTAMP', extra: 'VARCHAR'}`,
};

async function writeSlice(
  connection: DuckDBConnection,
  directory: string,
  slice: number,
  lines: Iterable<LaneLine>,
): Promise<void> {
  const texts = new Map<string, { readonly kind: Kind; readonly lines: string[] }>();
  for (const { kind, lane, line } of lines) {
    const name = nameOf(slice, lane, kind);
    const text = texts.get(name) ?? { kind, lines: [] };
    if (text.lines.push(line) === 1) texts.set(name, text);
  }
  const draft = join(directory, `draft-${process.pid}`);
  for (const [name, text] of texts) {
    writeFileSync(`${draft}.ndjson`, `${text.lines.join("\n")}\n`);
    const columns = COLUMNS[text.kind];
    const rows = `read_json(${quoted(`${draft}.ndjson`)}, format = 'newline_delimited', columns = ${columns})`;
    await connection.run(`COPY (FROM ${rows}) TO ${quoted(`${draft}.parquet`)} (FORMAT parquet)`);
    renameSync(`${draft}.parquet`, join(directory, name));
  }
  rmSync(`${draft}.ndjson`);
  writeFileSync(join(directory, doneMark(slice)), "");
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
