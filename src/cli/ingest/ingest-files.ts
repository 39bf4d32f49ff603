/** Sends files: cut into bodies, a few in flight, each retried until it is stored. */
import { randomUUID } from "node:crypto";
import { type Terminal } from "../terminal.ts";
import { type InputFile, readInput } from "./input-file.ts";
import { type Piece, splitFile } from "../../sources/split-file.ts";
import { idempotencyKey, type RowsAnswer, sendBody, type SendOptions } from "./send-body.ts";

export interface IngestJob {
  readonly files: readonly InputFile[];
  readonly send: Omit<SendOptions, "signal">;
  readonly targetBytes: number;
  readonly maxBytes: number;
  /** Requests in flight. One keeps the order of the rows. */
  readonly parallel: number;
  /** Replaces the file's name in the key under which a repeated run is recognised. */
  readonly key: string | undefined;
  /** The producer that the user named, which is part of that key too. */
  readonly namedProducer: string;
  readonly terminal: Terminal;
  readonly onProgress: (totals: IngestTotals) => void;
}

export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number | string | null;
  readonly reason: string;
}

export interface IngestTotals {
  /** As they are on disk. */
  readBytes: number;
  /** After decompression. */
  sentBytes: number;
  bodies: number;
  /** Bodies that an earlier run, or a retry, had stored already. */
  replayedBodies: number;
  received: number;
  accepted: number;
  rejected: number;
  duplicates: number;
  late: number;
  /** The first few. */
  readonly problems: FileProblem[];
}

const MAX_PROBLEMS = 10;

/** Stops at the first body that cannot be stored, and throws why; `totals` say how far it came. */
export async function ingestFiles(job: IngestJob, totals: IngestTotals): Promise<void> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, job.terminal.signal]);
  const inFlight = new Set<Promise<void>>();
  try {
    const bodies = bodiesOf(job, totals);
    for (let next = ahead(bodies); ;) {
      const { value: body, done } = await next;
      if (done === true) break;
      // The next piece is read while this one is sent.
      next = ahead(bodies);
      while (inFlight.size >= job.parallel) await Promise.race(inFlight);
      const sending = sendOne(body, job, signal, totals).finally(() => inFlight.delete(sending));
      sending.catch(() => undefined);
      inFlight.add(sending);
    }
    await Promise.all(inFlight);
  } catch (error) {
    stopping.abort();
    await Promise.allSettled(inFlight);
    throw error;
  }
}

interface FileBody {
  readonly file: InputFile;
  readonly piece: Piece;
  readonly key: string;
}

async function* bodiesOf(job: IngestJob, totals: IngestTotals): AsyncGenerator<FileBody> {
  for (const file of job.files) {
    const { format, path } = file;
    const bytes = readInput(file, job.terminal, (sizeBytes) => {
      totals.readBytes += sizeBytes;
    });
    const { targetBytes, maxBytes } = job;
    // What comes out of a pipe is new each time, unless the user gives it a name.
    const name = job.key ?? file.key ?? randomUUID();
    const { dataset, onInvalid } = job.send;
    for await (const piece of splitFile(bytes, { format, path, targetBytes, maxBytes })) {
      const parts = [dataset, name, String(piece.offset), onInvalid, job.namedProducer];
      yield { file, piece, key: idempotencyKey(parts, piece.bytes) };
    }
  }
}

/** A promise that may be left waiting: its failure is seen when it is awaited. */
function ahead(bodies: AsyncGenerator<FileBody>): Promise<IteratorResult<FileBody, undefined>> {
  const next = bodies.next();
  next.catch(() => undefined);
  return next;
}

async function sendOne(
  { file, piece, key }: FileBody,
  { send, onProgress }: IngestJob,
  signal: AbortSignal,
  totals: IngestTotals,
): Promise<void> {
  const body = { format: file.format, bytes: piece.bytes, idempotencyKey: key };
  const answer = await sendBody(body, { ...send, signal });
  count(totals, answer, piece);
  for (const { line, column, reason } of answer.errors) {
    if (totals.problems.length >= MAX_PROBLEMS) break;
    totals.problems.push({ file: file.path, line: line + piece.lineShift, column, reason });
  }
  onProgress(totals);
}

function count(totals: IngestTotals, answer: RowsAnswer, { bytes }: Piece): void {
  totals.sentBytes += bytes.length;
  totals.bodies += 1;
  if (answer.replayed) totals.replayedBodies += 1;
  totals.received += answer.received;
  totals.accepted += answer.accepted;
  totals.rejected += answer.rejected;
  totals.duplicates += answer.duplicates;
  totals.late += answer.late;
}
