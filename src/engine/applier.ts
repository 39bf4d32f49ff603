/** Takes staged batches into the tables: the one place where rows become visible. */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Batch, type Decoded, type EventTimes, type Staged } from "../decode/batch.ts";
import { type RowRange } from "../duckdb/duckdb.ts";
import { type DatasetPlan, type Plan } from "../plan/plan.ts";
import { findDuplicates } from "./deduplicate.ts";
import { MAX_ERRORS_SHOWN, type Outcome } from "./outcome.ts";
import { type Receipts } from "./receipts.ts";
import { type AppliedRows, type Stage } from "./stage.ts";
import { deadLettersOf } from "./stored-tables.ts";
import { type Cursors } from "./cursors.ts";
import { type Counters } from "./counters.ts";
import { type Transaction } from "./transaction.ts";

export interface ApplierDeps {
  readonly plan: Plan;
  readonly stages: readonly Stage[];
  readonly receipts: Receipts;
  readonly counters: Counters;
  readonly cursors: Cursors;
}

/** One decoded batch on its way: the staged rows that are its own. */
interface Share {
  readonly decoded: Decoded;
  readonly firstRow: number;
  readonly endRow: number;
}

/**
 * Applies staged rows. Outcomes come in the order of its batches. A batch whose idempotency
 * key was seen contributes no row.
 */
export async function applyStaged(
  deps: ApplierDeps,
  tx: Transaction,
  staged: Staged,
): Promise<readonly Outcome[]> {
  const shares = sharesOf(staged.decoded);
  const replays = shares.map((share) => replayOf(deps.receipts, shares, share));
  const skipped = shares.flatMap((share, index) => (replays[index] === undefined ? [] : [share]));
  const { duplicates, late } = await takeRows(deps, tx, staged, skipped);
  const outcomes: Outcome[] = [];
  for (const [index, share] of shares.entries()) {
    const earlier = replays[index];
    const outcome = earlier ?? outcomeOf(share, countIn(duplicates, share), countIn(late, share));
    outcomes.push(outcome);
    if (earlier === undefined) await settle(deps, tx, share.decoded, outcome);
  }
  return resolveReplays(shares, replays, outcomes);
}

/** Gives the places (stage `rowid`s) of rows that were there before, and of late ones. */
async function takeRows(
  deps: ApplierDeps,
  tx: Transaction,
  staged: Staged,
  skipped: readonly Share[],
): Promise<{ readonly duplicates: readonly number[]; readonly late: readonly number[] }> {
  // Rejects that have no dataset come without rows, and the plan does not know their name.
  if (staged.rows === 0) return { duplicates: [], late: [] };
  const dataset = datasetOf(deps.plan, staged.dataset);
  const duplicates = await duplicatesOf(tx, dataset, staged, skipped);
  const first = staged.decoded[0];
  const late = await storeRows(deps, tx, dataset, staged, skipped, duplicates, first?.batch);
  return { duplicates, late };
}

function datasetOf(plan: Plan, name: string): DatasetPlan {
  const dataset = plan.datasets.find((one) => one.name === name);
  if (dataset === undefined) throw new Error(`the plan has no dataset ${name}`);
  return dataset;
}

function sharesOf(decoded: readonly Decoded[]): readonly Share[] {
  let row = 0;
  return decoded.map((one) => {
    const firstRow = row;
    if (one.kind === "rows") row += one.accepted;
    return { decoded: one, firstRow, endRow: row };
  });
}

/** The earlier answer, or `"within"` where the earlier request sits in the same group. */
function replayOf(receipts: Receipts, shares: readonly Share[], share: Share): Outcome | undefined {
  const { header } = share.decoded.batch;
  if (header.idempotencyKey === "") return undefined;
  const found = receipts.find(header.dataset, header.idempotencyKey, header.receivedAtUs);
  if (found !== undefined) return found;
  const twin = shares.find(
    (one) => one.decoded.batch.header.idempotencyKey === header.idempotencyKey,
  );
  return twin === share ? undefined : PENDING_TWIN;
}

/** Stands for the answer of an earlier batch in the same group, which is not known yet. */
const PENDING_TWIN: Outcome = {
  kind: "refused",
  position: -1,
  received: 0,
  reason: "",
  hint: "",
  errors: [],
  replayed: true,
};

function resolveReplays(
  shares: readonly Share[],
  replays: readonly (Outcome | undefined)[],
  outcomes: readonly Outcome[],
): readonly Outcome[] {
  return outcomes.map((outcome, index) => {
    if (replays[index] !== PENDING_TWIN) return outcome;
    const key = shares[index]?.decoded.batch.header.idempotencyKey;
    const twin = shares.findIndex((one) => one.decoded.batch.header.idempotencyKey === key);
    return { ...(outcomes[twin] ?? outcome), replayed: true };
  });
}

async function duplicatesOf(
  tx: Transaction,
  dataset: DatasetPlan,
  staged: Staged,
  skipped: readonly Share[],
): Promise<readonly number[]> {
  const { content } = staged;
  if (dataset.dedup === null || staged.rows === 0 || content.kind !== "table") return [];
  const rows = skipped.reduce((sum, share) => sum + share.endRow - share.firstRow, 0);
  if (rows > 0) await deleteShares(tx, content.table, skipped);
  return findDuplicates(tx, dataset, dataset.dedup, content.table, staged.eventTimeUs);
}

async function deleteShares(tx: Transaction, table: Sql, shares: readonly Share[]): Promise<void> {
  const ranges = shares.map(
    (share) =>
      sql`(rowid >= ${sql.literal(share.firstRow)} AND rowid < ${sql.literal(share.endRow)})`,
  );
  await tx.connection.run(sql`DELETE FROM ${table} WHERE ${sql.join(ranges, " OR ")}`);
}

/** Stores the rows and lets the stages follow. Gives the places (row numbers) of late rows. */
async function storeRows(
  deps: ApplierDeps,
  tx: Transaction,
  dataset: DatasetPlan,
  staged: Staged,
  skipped: readonly Share[],
  duplicates: readonly number[],
  first: Batch | undefined,
): Promise<readonly number[]> {
  const { eventTimeUs } = staged;
  if (staged.rows === 0 || eventTimeUs === undefined || first === undefined) return [];
  const isWhole =
    skipped.every((share) => share.endRow === share.firstRow) && duplicates.length === 0;
  const { rows, firstSeq } = await insertStaged(tx, dataset, staged, skipped, duplicates);
  if (isWhole) {
    assert(
      rows === staged.rows,
      `stored ${rows} rows of ${dataset.name}, the scanner found ${staged.rows}`,
    );
  }
  if (rows === 0) return [];
  // Rows that were left out have no say in how far event time has come.
  const times = isWhole ? eventTimeUs : await storedTimes(tx, dataset, firstSeq);
  const { header } = first;
  const late = new Set<number>();
  const derived: AppliedRows[] = [];
  for (const stage of deps.stages) {
    const found = await stage.apply(tx, {
      dataset: dataset.name,
      firstSeq,
      endSeq: firstSeq + staged.rows,
      rows,
      eventTimeUs: times,
      producer: header.producer,
      receivedAtUs: header.receivedAtUs,
      replay: header.replay,
    });
    for (const seq of found) late.add(seq - firstSeq);
    // Their late rows are nothing that the caller has sent.
    for (const follows of derived) await stage.apply(tx, follows);
    derived.push(...(stage.takeDerived?.() ?? []));
  }
  return [...late];
}

function insertStaged(
  tx: Transaction,
  dataset: DatasetPlan,
  { content, rows, eventTimeUs }: Staged,
  skipped: readonly Share[],
  duplicates: readonly number[],
): Promise<{ rows: number; firstSeq: number }> {
  const arrival = { span: rows, repeats: "check", rangeUs: eventTimeUs } as const;
  if (content.kind === "columns") {
    const { columns } = content.columns;
    return tx.append(dataset.name, { columns, ranges: rangesWithout(skipped, rows), ...arrival });
  }
  const columns = sql.join(dataset.columns.map((column) => sql.id(column.name)));
  const conditions = [...skippedConditions(skipped), ...duplicateCondition(duplicates)];
  const where = conditions.length === 0 ? sql.empty : sql`WHERE ${sql.join(conditions, " AND ")}`;
  const from = sql`${content.table} ${where}`;
  return tx.insert(dataset.name, { columns, from, offset: sql`rowid`, ...arrival });
}

function rangesWithout(skipped: readonly Share[], rows: number): readonly RowRange[] {
  const ranges: RowRange[] = [];
  let start = 0;
  for (const share of skipped) {
    if (share.firstRow > start) ranges.push({ start, end: share.firstRow });
    start = share.endRow;
  }
  if (start < rows) ranges.push({ start, end: rows });
  return ranges;
}

async function storedTimes(
  tx: Transaction,
  dataset: DatasetPlan,
  firstSeq: number,
): Promise<EventTimes> {
  const table = tx.table(dataset.name);
  const at = sql.id(dataset.eventTime);
  const [times] = await tx.connection.rows<{ min: bigint; max: bigint }>(
    sql`SELECT epoch_us(min(${at})) AS min, epoch_us(max(${at})) AS max
          FROM ${table.memoryTable(table.generation)} WHERE _seq >= ${sql.literal(firstSeq)}`,
  );
  assert(times !== undefined, "an aggregate without GROUP BY gives one row");
  return { ...times, disorder: null };
}

function skippedConditions(skipped: readonly Share[]): readonly Sql[] {
  return skipped
    .filter((share) => share.endRow > share.firstRow)
    .map(
      (share) =>
        sql`NOT (rowid >= ${sql.literal(share.firstRow)} AND rowid < ${sql.literal(share.endRow)})`,
    );
}

function duplicateCondition(duplicates: readonly number[]): readonly Sql[] {
  if (duplicates.length === 0) return [];
  return [
    sql`rowid NOT IN (SELECT unnest([${sql.join(duplicates.map((row) => sql.literal(row)))}]))`,
  ];
}

function countIn(places: readonly number[], share: Share): number {
  let count = 0;
  for (const place of places) if (place >= share.firstRow && place < share.endRow) count++;
  return count;
}

function outcomeOf(share: Share, duplicates: number, late: number): Outcome {
  const { decoded } = share;
  const errors = decoded.rejects
    .slice(0, MAX_ERRORS_SHOWN)
    .map(({ line, column, reason }) => ({ line, column, reason }));
  const { position } = decoded.batch;
  if (decoded.kind === "refused") {
    const { received, reason, hint } = decoded;
    return { kind: "refused", position, received, reason, hint, errors, replayed: false };
  }
  return {
    kind: "applied",
    position,
    received: decoded.accepted + decoded.rejects.length,
    accepted: decoded.accepted - duplicates,
    rejected: decoded.rejects.length,
    duplicates,
    late,
    errors,
    replayed: false,
  };
}

/** Dead letters, the receipt, the retry's tombstones and the counters of one batch. */
async function settle(
  deps: ApplierDeps,
  tx: Transaction,
  decoded: Decoded,
  outcome: Outcome,
): Promise<void> {
  const { header } = decoded.batch;
  if (decoded.kind === "rows" && decoded.rejects.length > 0) await storeDeadLetters(tx, decoded);
  if (header.idempotencyKey !== "") {
    deps.receipts.add(header.dataset, header.idempotencyKey, header.receivedAtUs, outcome);
  }
  if (outcome.kind !== "applied") return;
  deps.counters.add(header.dataset, outcome);
  if (header.cursor !== undefined) deps.cursors.set(header.cursor);
}

/** Rows a statement: enough to be quick, few enough for a statement of bounded length. */
const LETTERS_A_STATEMENT = 500;

async function storeDeadLetters(tx: Transaction, decoded: Decoded): Promise<void> {
  const { header, position } = decoded.batch;
  const name = deadLettersOf(header.dataset);
  for (let start = 0; start < decoded.rejects.length; start += LETTERS_A_STATEMENT) {
    const letters = decoded.rejects.slice(start, start + LETTERS_A_STATEMENT);
    const rows = letters.map((letter, index) => {
      // Bound, not written out: raw text may hold what SQL text cannot.
      return sql`(${sql.literal(index)}, ${sql.literal(letter.line)}, ${sql.literal(letter.column)},
        ${letter.reason}, ${letter.raw})`;
    });
    const firstId = tx.nextSeq(name);
    await tx.insert(name, {
      columns: sql`make_timestamp(${sql.literal(header.receivedAtUs)}), ${sql.literal(firstId)} + place,
        ${sql.literal(position)}, line, "column", reason, ${sql.literal(letterFormat(header.format))},
        ${sql.literal(header.producer)}, raw, FALSE`,
      from: sql`(VALUES ${sql.join(rows)}) AS l(place, line, "column", reason, raw)`,
      offset: sql`place`,
      span: letters.length,
      repeats: "never",
    });
  }
}

/**
 * What the raw text of a letter can be sent again as: Parquet rows and array elements are JSON
 * lines.
 */
function letterFormat(format: Batch["header"]["format"]): string {
  return format === "csv" || format === "lineprotocol" ? format : "ndjson";
}
