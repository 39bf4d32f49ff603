/** What the user declares, exactly as written: plain frozen values; nothing happens on import. */
import { BRAND, type Branded } from "./brand.ts";
import { type AlertDefinition } from "./alert.ts";
import { type DatasetDefinition } from "./dataset.ts";
import { type SinkDefinition } from "./sink.ts";
import { type SourceDefinition } from "./source.ts";
import { type StreamDefinition } from "./stream.ts";
import { type WindowDefinition } from "./window.ts";

export interface ProjectSpec {
  /** Small letters, digits and underscores, like every name in it. */
  readonly name: string;
  readonly datasets: Readonly<Record<string, DatasetDefinition>>;
  /** Rows that follow from other rows. */
  readonly streams?: Readonly<Record<string, StreamDefinition>>;
  readonly windows?: Readonly<Record<string, WindowDefinition>>;
  /** What somebody should hear of. */
  readonly alerts?: Readonly<Record<string, AlertDefinition>>;
  /** Where rows and results are delivered to. */
  readonly sinks?: Readonly<Record<string, SinkDefinition>>;
  /** What brings records in by itself. */
  readonly sources?: Readonly<Record<string, SourceDefinition>>;
}

export interface ProjectDefinition<S extends ProjectSpec = ProjectSpec> extends Branded<"project"> {
  /** As written; `plan/resolve.ts` checks it. */
  readonly spec: S;
}

/** The default export of `kurobe.config.ts`. */
export function defineProject<const S extends ProjectSpec>(spec: S): ProjectDefinition<S> {
  return Object.freeze({ [BRAND]: "project" as const, spec });
}
