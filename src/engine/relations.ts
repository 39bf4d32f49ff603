/** What SQL may name, and how long chunk files must stay. */
import { randomUUID } from "node:crypto";
import { type CheckpointStore } from "./checkpoint-store.ts";
import { type EngineRelations } from "./engine.ts";
import { type Commits } from "./history.ts";
import { type Table } from "./table.ts";

export function relationsOf(
  tables: ReadonlyMap<string, Table>,
  store: CheckpointStore,
  commits: Commits,
): EngineRelations {
  const visible = new Map([...tables].filter(([, table]) => table.stored.view !== null));
  // A version of this process only: two processes must not share ETags by accident.
  const process = `${store.position}-${randomUUID()}`;
  return {
    names: () => [...visible.keys()],
    planOf: (name) => visible.get(name)?.stored.plan,
    versionOf: (name) => `${process}-${commits.countOf(name)}`,
    lease: () => store.lease(),
  };
}
