/** Makes the keys of a workload before a run, each once, and takes them away after it. */
import { type Keyspace, type Operation, type Workload } from "../workload/workload.ts";
import { InsertCounter } from "../workload/key-source.ts";
import { EXPECTATIONS } from "../workload/operation-table.ts";
import { type Load } from "./load.ts";
import { type LoadOutcome, mergeOutcomes } from "./outcome.ts";

export interface FillOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keys so far, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

const FILL = { pace: { kind: "closed" }, durationMs: Number.POSITIVE_INFINITY } as const;
const INTERVAL_MS = 200;
const MAX_DEPTH = 64;
const MAX_WRITE_BYTES = 1024 * 1024;

/** Undefined where the workload needs no keys. Errors are counted: a full server refuses some. */
export async function fillKeys(
  load: Load,
  workload: Workload,
  options: FillOptions = {},
): Promise<LoadOutcome | undefined> {
  const filled = workload.keyspaces.filter(({ fill }) => fill.length > 0);
  return await overKeys(load, workload, filled, options, ({ name, fill }) => ({
    name: "FILL",
    keyspace: name,
    weight: 1,
    // The first command of a key takes the next number, the others the same.
    steps: fill.map((args, step) =>
      args.map((arg) => arg.replaceAll("{key}", step === 0 ? "{newkey}" : "{samekey}")),
    ),
    expect: EXPECTATIONS.any,
    missOn: 0,
  }));
}

export interface CleanOptions extends FillOptions {
  /** By keyspace: one more than the highest key that others than `load` have made. */
  readonly insertEnds?: readonly number[];
}

/** Deletes each key that the workload may have made, by name: nothing else is looked at. */
export async function cleanKeys(
  load: Load,
  workload: Workload,
  { insertEnds = [], ...options }: CleanOptions = {},
): Promise<void> {
  if (!load.isConnected) return;
  const made = workload.keyspaces.map((keyspace, index) => ({
    ...keyspace,
    keyCount: Math.max(keyspace.keyCount, load.inserts[index]?.end ?? 0, insertEnds[index] ?? 0),
  }));
  const remove =
    (command: string) =>
    (keyspace: Keyspace): Operation => ({
      name: "CLEAN",
      keyspace: keyspace.name,
      weight: 1,
      steps: [[command, "{newkey}"]],
      expect: EXPECTATIONS.integer,
      missOn: 0,
    });
  const outcome = await overKeys(load, workload, made, options, remove("UNLINK"));
  const refused = (outcome?.errors["ERR"] ?? 0) + (outcome?.errors["NOPERM"] ?? 0);
  // Engines without UNLINK have DEL.
  if (refused > 0) await overKeys(load, workload, made, options, remove("DEL"));
}

async function overKeys(
  load: Load,
  workload: Workload,
  keyspaces: readonly Keyspace[],
  { signal, onProgress }: FillOptions,
  operationFor: (keyspace: Keyspace) => Operation,
): Promise<LoadOutcome | undefined> {
  const outcomes: LoadOutcome[] = [];
  const total = keyspaces.reduce((sum, { keyCount }) => sum + keyCount, 0);
  let done = 0;
  for (const keyspace of keyspaces) {
    const single = { ...workload, keyspaces: [keyspace], operations: [operationFor(keyspace)] };
    const operations = load.compile(single);
    const depth = depthFor(operations[0]?.maxBytes ?? 1);
    for (const part of load.parts()) {
      const requests = part.keysOf(keyspace.keyCount);
      if (requests === 0 || signal?.aborted === true) continue;
      const before = done;
      const outcome = await load.runOnPart(
        part,
        { workload: single, operations, inserts: [new InsertCounter(0)] },
        depth,
        {
          ...FILL,
          requests,
          intervalMs: INTERVAL_MS,
          signal,
          onInterval: ({ operations: succeeded, errors }) =>
            onProgress?.(before + succeeded + errors, total),
        },
      );
      done += requests;
      outcomes.push(outcome);
    }
  }
  return outcomes.length === 0 ? undefined : mergeOutcomes(outcomes);
}

function depthFor(commandBytes: number): number {
  return Math.max(1, Math.min(MAX_DEPTH, Math.floor(MAX_WRITE_BYTES / commandBytes)));
}
