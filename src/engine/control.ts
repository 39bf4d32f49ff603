/** Operators' commands that travel through the log, so that a replay does the same. */
import { sql } from "../core/sql.ts";
import { type Batch, type Staged } from "../decode/batch.ts";
import { type Decoder } from "../decode/decoder.ts";
import { type LineProtocolReader } from "../decode/line-protocol/line-body.ts";
import { type BodyFormat, type Entry } from "../log/entry.ts";
import { LINE_PROTOCOL } from "../plan/line-protocol.ts";
import { type Plan } from "../plan/plan.ts";
import { orderedTogether } from "../plan/stream-plan.ts";
import { deadLettersOf } from "./stored-tables.ts";
import { type Transaction } from "./transaction.ts";

export type Control =
  /** Sends the letters' text again as rows, and takes the letters back. */
  | {
      readonly kind: "retry_dead_letters";
      readonly dataset: string;
      readonly ids: readonly number[];
      readonly format: BodyFormat;
      readonly text: string;
    }
  | {
      readonly kind: "purge_dead_letters";
      readonly dataset: string;
      /** Null: all of them. */
      readonly ids: readonly number[] | null;
    }
  /** For one stage alone, which knows what it means. */
  | { readonly kind: "stage"; readonly stage: string; readonly command: unknown }
  /** A source lets go of what it will not read again. */
  | {
      readonly kind: "forget_cursors";
      readonly source: string;
      readonly keys: readonly string[];
    };

type LetterControl = Extract<Control, { readonly dataset: string }>;

export function encodeControl(control: Control): Uint8Array {
  return Buffer.from(JSON.stringify(control));
}

export function decodeControl(body: Uint8Array): Control {
  return JSON.parse(Buffer.from(body).toString()) as Control;
}

/**
 * What an entry brings in: for line protocol one batch for each dataset, for a control the rows
 * that it sends again.
 */
export function batchesOf(
  entry: Pick<Entry, "position" | "header" | "body">,
  lines: LineProtocolReader,
): readonly Batch[] {
  const batch = batchOf(entry);
  if (batch === null) return [];
  return batch.header.format === "lineprotocol" ? lines.read(batch) : [batch];
}

function batchOf(entry: Pick<Entry, "position" | "header" | "body">): Batch | null {
  const { header, position, body } = entry;
  if (header.kind === "batch") return { header, position, body };
  if (header.kind === "tick") return null;
  const control = decodeControl(body);
  if (control.kind !== "retry_dead_letters") return null;
  return {
    position,
    header: {
      kind: "batch",
      dataset: control.dataset,
      format: control.format,
      onInvalid: "dead_letter",
      receivedAtUs: header.receivedAtUs,
      producer: "",
      idempotencyKey: "",
    },
    body: Buffer.from(control.text),
  };
}

/**
 * Which datasets have to be applied in log order with each other. A body of line protocol may have
 * rows of any of them, so each of them follows the one before.
 */
export function orderIn(plan: Plan): (dataset: string) => string | null {
  const sets = orderedTogether(plan);
  return (dataset) => {
    if (dataset === LINE_PROTOCOL) return sets.size === 0 ? null : LINE_PROTOCOL;
    return sets.get(dataset) ?? null;
  };
}

/** The rows of one dataset in a stage table. What has no dataset has no rows either. */
export async function stageBatches(
  plan: Plan,
  decoder: Decoder,
  name: string,
  batches: readonly Batch[],
): Promise<Staged> {
  const dataset = plan.datasets.find((one) => one.name === name);
  if (dataset !== undefined) return decoder.stage(dataset, batches);
  const decoded = batches.flatMap((batch) => batch.prepared?.decoded ?? []);
  if (name !== LINE_PROTOCOL || decoded.length < batches.length) {
    throw new Error(`the log has rows of ${name}, which the plan lacks`);
  }
  const content = { kind: "table", table: sql.empty } as const;
  const nothing = { content, rows: 0, eventTimeUs: undefined };
  return { dataset: name, ...nothing, decoded, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Takes dead letters back by tombstones. Call before the control's own rows are applied. */
export async function applyControl(tx: Transaction, control: LetterControl): Promise<void> {
  const name = deadLettersOf(control.dataset);
  const ids = control.ids;
  const chosen =
    ids === null
      ? sql.empty
      : sql`WHERE id IN (SELECT unnest([${sql.join(ids.map((id) => sql.literal(id)))}]))`;
  if (ids?.length === 0) return;
  const letters = tx.relation(name);
  const [count] = await tx.connection.rows<{ letters: bigint }>(
    sql`SELECT count(*) AS letters FROM ${letters} AS l ${chosen}`,
  );
  await tx.insert(name, {
    // The text itself is no longer needed: only the key has to match.
    columns: sql`received_at, id, position, line, "column", '', format, producer, '', TRUE`,
    from: sql`(SELECT received_at, id, position, line, "column", format, producer,
                      row_number() OVER (ORDER BY received_at, id) - 1 AS place
                 FROM ${letters} AS l ${chosen}) AS d`,
    offset: sql`place`,
    span: Number(count?.letters ?? 0n),
    repeats: "always",
    waiting: -Number(count?.letters ?? 0n),
  });
}
