/** Operations as bytes with holes: what does not change is laid out once. */
import { KurobeError } from "../../core/errors.ts";
import {
  KEY_SOURCES,
  type NumberSource,
  type Part,
  readCommand,
  withPrefix,
} from "./placeholder.ts";
import { largestBytes } from "./value-size.ts";
import { DIGITS, type Keyspace, type Operation, type Workload } from "./workload.ts";

/** `DIGITS` digits (or fewer, at the end of them) that change with each command. */
export interface Patch {
  readonly offset: number;
  readonly source: NumberSource;
  /** Where the four digits of the slot tag stand, or -1. */
  readonly tagOffset: number;
}

/** Fixed bytes with patches, and behind them perhaps an argument whose length changes. */
export interface Piece {
  readonly bytes: Buffer;
  readonly patches: readonly Patch[];
  readonly tail: readonly Part[] | undefined;
}

export interface CompiledOperation {
  readonly name: string;
  readonly keyspaceIndex: number;
  readonly pieces: readonly Piece[];
  /** Replies that the operation gets. */
  readonly replies: number;
  readonly expect: number;
  readonly missOn: number;
  readonly weight: number;
  /** Index of the operation that follows on the same key, or -1. */
  readonly then: number;
  /** No command of this operation is longer. */
  readonly maxBytes: number;
  readonly hasFixedLength: boolean;
}

export const TAG_DIGITS = 4;
const SCRATCH_BYTES = 32;

export interface CompileOptions {
  /** Values of a fixed size are its first bytes. */
  readonly valueBytes: Buffer;
  /** Keys then carry a slot tag: `prefix{0042}:000000000042`. */
  readonly isCluster: boolean;
}

/** Throws KRB_BENCH_WORKLOAD for names that are not there and commands that cannot be. */
export function compileWorkload(
  workload: Workload,
  options: CompileOptions,
): readonly CompiledOperation[] {
  if (workload.operations.length === 0 || workload.operations.length > 250) {
    const message = `The workload ${workload.name} has ${workload.operations.length} operations`;
    throw new KurobeError("KRB_BENCH_WORKLOAD", message, { hint: "It takes 1 to 250 of them." });
  }
  return workload.operations.map((operation) => compileOperation(workload, operation, options));
}

function compileOperation(
  workload: Workload,
  operation: Operation,
  options: CompileOptions,
): CompiledOperation {
  const keyspaceIndex = workload.keyspaces.findIndex(({ name }) => name === operation.keyspace);
  const keyspace = workload.keyspaces[keyspaceIndex];
  if (keyspace === undefined) {
    throw wrong(operation, `names the keyspace ${operation.keyspace}, which does not exist`);
  }
  if (!(operation.weight >= 0)) throw wrong(operation, `has the weight ${operation.weight}`);
  const then =
    operation.then === undefined
      ? -1
      : workload.operations.findIndex(({ name }) => name === operation.then);
  if (operation.then !== undefined && then < 0) {
    throw wrong(operation, `is followed by ${operation.then}, which does not exist`);
  }
  const writer = new PieceWriter(keyPrefix(workload.prefix, keyspace), keyspace, options);
  for (const step of operation.steps) {
    const args = readCommand(withPrefix(step, workload.prefix));
    if (args.length === 0) throw wrong(operation, "has an empty command");
    writer.command(args);
  }
  const pieces = writer.finish();
  const keyBytes = Buffer.byteLength(keyPrefix(workload.prefix, keyspace));
  return {
    name: operation.name,
    keyspaceIndex,
    pieces,
    replies: operation.steps.length,
    expect: operation.expect,
    missOn: operation.missOn,
    weight: operation.weight,
    then,
    maxBytes: pieces.reduce((sum, piece) => sum + maxPieceBytes(piece, keyspace, keyBytes), 0),
    hasFixedLength: pieces.every(({ tail }) => tail === undefined),
  };
}

export function keyPrefix(prefix: string, { name }: Keyspace): string {
  return name === "" ? prefix : `${prefix}${name}:`;
}

class PieceWriter {
  readonly #pieces: Piece[] = [];
  readonly #prefix: string;
  readonly #keyspace: Keyspace;
  readonly #options: CompileOptions;
  #text = "";
  #patches: Patch[] = [];

  constructor(prefix: string, keyspace: Keyspace, options: CompileOptions) {
    this.#prefix = prefix;
    this.#keyspace = keyspace;
    this.#options = options;
  }

  command(args: readonly (readonly Part[])[]): void {
    this.#text += `*${args.length}\r\n`;
    for (const parts of args) {
      const isFixed = parts.every(
        (part) =>
          part.kind === "text" ||
          part.kind === "number" ||
          (part.kind === "value" && this.#keyspace.value.kind === "fixed"),
      );
      if (isFixed) this.#fixed(parts);
      else this.#end(parts);
    }
  }

  finish(): readonly Piece[] {
    if (this.#text !== "") this.#end(undefined);
    return this.#pieces;
  }

  /** Bytes are kept as latin1 text while they grow, so that offsets are lengths. */
  #fixed(parts: readonly Part[]): void {
    let content = "";
    const patches: Patch[] = [];
    for (const part of parts) {
      if (part.kind === "text") content += latin1(part.text);
      else if (part.kind === "value") content += this.#value();
      else if (part.kind === "number") content += this.#number(part.source, content, patches);
    }
    this.#text += `$${content.length}\r\n`;
    for (const { offset, source, tagOffset } of patches) {
      this.#patches.push({
        offset: offset + this.#text.length,
        source,
        tagOffset: tagOffset < 0 ? -1 : tagOffset + this.#text.length,
      });
    }
    this.#text += `${content}\r\n`;
  }

  #number(source: NumberSource, before: string, patches: Patch[]): string {
    const isKey = KEY_SOURCES.includes(source);
    const tag = isKey && this.#options.isCluster ? `{${"0".repeat(TAG_DIGITS)}}:` : "";
    const head = isKey ? latin1(this.#prefix) + tag : "";
    patches.push({
      offset: before.length + head.length,
      source,
      tagOffset: tag === "" ? -1 : before.length + head.length - tag.length + 1,
    });
    return head + "0".repeat(DIGITS);
  }

  #value(): string {
    return this.#options.valueBytes.toString("latin1", 0, largestBytes(this.#keyspace.value));
  }

  #end(tail: readonly Part[] | undefined): void {
    this.#pieces.push({ bytes: Buffer.from(this.#text, "latin1"), patches: this.#patches, tail });
    this.#text = "";
    this.#patches = [];
  }
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function maxPieceBytes(piece: Piece, keyspace: Keyspace, keyBytes: number): number {
  const tail = piece.tail ?? [];
  const tailBytes = tail.reduce((sum, part) => {
    if (part.kind === "text") return sum + Buffer.byteLength(part.text);
    if (part.kind === "choice") return sum + longestBytes(part.words);
    return sum + (part.kind === "value" ? largestBytes(keyspace.value) : keyBytes + SCRATCH_BYTES);
  }, 0);
  return piece.bytes.length + tailBytes + SCRATCH_BYTES;
}

function longestBytes(words: readonly string[]): number {
  return Math.max(...words.map((word) => Buffer.byteLength(word)));
}

function wrong(operation: Operation, what: string): KurobeError {
  return new KurobeError("KRB_BENCH_WORKLOAD", `The operation ${operation.name} ${what}`);
}
