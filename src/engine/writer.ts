/** The single writer: one connection, one transaction at a time, groups in log order. */
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { LINE_PROTOCOL } from "../plan/line-protocol.ts";
import { type Plan } from "../plan/plan.ts";
import { applyStaged } from "./applier.ts";
import { applyControl, decodeControl } from "./control.ts";
import { type Counters } from "./counters.ts";
import { type Cursors } from "./cursors.ts";
import { type Outcome, together } from "./outcome.ts";
import { type Group, type Pending } from "./pipeline.ts";
import { type Receipts } from "./receipts.ts";
import { type AppliedRows, type Stage } from "./stage.ts";
import { type Table } from "./table.ts";
import { Transaction } from "./transaction.ts";

export interface WriterDeps {
  readonly plan: Plan;
  readonly connection: Connection;
  readonly tables: ReadonlyMap<string, Table>;
  readonly stages: readonly Stage[];
  readonly receipts: Receipts;
  readonly counters: Counters;
  readonly cursors: Cursors;
  /** Called after each commit with the names of the tables that got rows. */
  readonly onCommit: (changed: readonly string[]) => void;
}

export class Writer {
  readonly #deps: WriterDeps;
  readonly #serial = new Serial();
  /** Position of the last entry whose effects are in the tables. */
  appliedPosition = 0;
  /** Raw bytes taken in since memory was last frozen: the measure of how full memory tables are. */
  bytesSinceFreeze = 0;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** Runs between two groups, with the connection to itself. */
  exclusive<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#serial.run(() => work(this.#deps.connection));
  }

  apply(group: Group): Promise<readonly (Outcome | null)[]> {
    return this.#serial.run(() => this.#apply(group));
  }

  async #apply(group: Group): Promise<readonly (Outcome | null)[]> {
    const { connection, tables, stages, receipts, counters, cursors } = this.#deps;
    const tx = new Transaction(connection, tables);
    try {
      const answers = new Map<Pending, unknown>();
      const outcomes = await connection.transaction(async () => {
        const byPosition = new Map<number, Outcome>();
        for (const entry of group.entries) {
          answers.set(entry, await this.#applyCommand(tx, entry));
        }
        for (const staged of group.staged) {
          const settled = await applyStaged(this.#deps, tx, staged);
          for (const [index, outcome] of settled.entries()) {
            const position = staged.decoded[index]?.batch.position;
            if (position === undefined) continue;
            byPosition.set(position, together(byPosition.get(position), outcome));
          }
        }
        await this.#endGroup(tx, group);
        await receipts.write(tx);
        return group.entries.map((entry) => byPosition.get(entry.position) ?? null);
      });
      const changed = tx.commit();
      for (const part of [receipts, counters, cursors]) part.commit();
      const last = group.entries.at(-1)?.position ?? this.appliedPosition;
      for (const stage of stages) stage.commit(last);
      this.#advance(group);
      if (changed.length > 0) this.#deps.onCommit(changed);
      for (const [entry, answer] of answers) entry.answer?.(answer);
      return outcomes;
    } catch (error) {
      for (const part of [receipts, counters, cursors, ...stages]) part.rollback();
      throw applyError(group, error);
    }
  }

  async #applyCommand(tx: Transaction, entry: Pending): Promise<unknown> {
    if (entry.header.kind === "tick") await this.#tick(tx, entry.header.receivedAtUs);
    if (entry.header.kind !== "control") return undefined;
    const control = decodeControl(entry.body);
    if (control.kind === "forget_cursors") {
      this.#deps.cursors.forget(control.source, control.keys);
    } else if (control.kind === "stage") {
      // A stage that the project no longer has is commanded by nobody.
      const stage = this.#deps.stages.find((one) => one.name === control.stage);
      return await stage?.control?.(tx, control.command, entry.header.receivedAtUs);
    } else {
      await applyControl(tx, control);
    }
    return undefined;
  }

  async #endGroup(tx: Transaction, { entries }: Group): Promise<void> {
    const header = entries.at(-1)?.header;
    if (header?.kind !== "batch" || header.endsGroup !== true) return;
    for (const stage of this.#deps.stages) await stage.groupEnded?.(tx, header.receivedAtUs);
  }

  async #tick(tx: Transaction, receivedAtUs: bigint): Promise<void> {
    const derived: AppliedRows[] = [];
    for (const stage of this.#deps.stages) {
      for (const rows of derived) await stage.apply(tx, rows);
      await stage.tick(tx, receivedAtUs);
      derived.push(...(stage.takeDerived?.() ?? []));
    }
  }

  #advance(group: Group): void {
    const last = group.entries.at(-1);
    if (last !== undefined) this.appliedPosition = last.position;
    for (const entry of group.entries) this.bytesSinceFreeze += entry.body.length;
  }

  idle(): Promise<void> {
    return this.#serial.idle();
  }
}

function applyError(group: Group, cause: unknown): KurobeError {
  const first = group.entries[0]?.position;
  const last = group.entries.at(-1)?.position;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KurobeError(
    "KRB_ENGINE_APPLY",
    `applying positions ${first} to ${last} failed: ${message}`,
    {
      cause,
      details: { first, last },
    },
  );
}

/** The schemas that memory tables and views live in. */
export async function createSchemas(connection: Connection, plan: Plan): Promise<void> {
  for (const name of [
    "mem",
    "rows",
    "live",
    LINE_PROTOCOL,
    ...[...plan.datasets, ...plan.streams].map(({ name }) => name),
  ]) {
    await connection.run(sql`CREATE SCHEMA IF NOT EXISTS ${sql.id(name)}`);
  }
}
