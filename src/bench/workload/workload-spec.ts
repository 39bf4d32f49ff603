/** A workload as a user writes it, in YAML or TypeScript: names, words and commands. */

/** As typed at a prompt, quotes included, or its arguments one by one. */
export type CommandSpec = string | readonly (string | number)[];

export interface KeyspaceSpec {
  /** How many: `100000` or `"100k"`. */
  readonly keys: number | string;
  /**
   * `uniform` (the default), `zipfian:0.99`, `gaussian`, `hotset:10%:90%`, `sequential`, `latest`.
   */
  readonly distribution?: string;
  /** Bytes of `{value}`: `64` (the default), `"16-1024"`, `"64:80,1KiB:20"`. */
  readonly value?: number | string;
  /** Elements that `{member}` draws from: 1 unless said otherwise. */
  readonly members?: number | string;
  /** Which of them: uniform unless said otherwise. */
  readonly memberDistribution?: string;
  /** Share of `{lookup}` keys that exist: 1 unless said otherwise. */
  readonly hitRatio?: number | string;
  /** The command or commands that make one key before the run; without it nothing is made. */
  readonly fill?: string | readonly CommandSpec[];
}

export interface OperationSpec {
  /** Of which `{key}` and its like are drawn; may be left out where there is one. */
  readonly keyspace?: string;
  /** How often, in relation to the others: 1 unless said otherwise, 0 for what only follows. */
  readonly weight?: number;
  readonly command?: CommandSpec;
  /** In place of `command`: several that are sent together and measured as one. */
  readonly commands?: readonly CommandSpec[];
  /** The kind of the last reply; another one counts as an error. */
  readonly expect?: string;
  /** True where null or nothing in reply is a miss; of `values` and `flags` each element counts. */
  readonly lookup?: boolean;
  /** The operation that follows on the same key when the reply is there. */
  readonly then?: string;
  /** For the report's table by structure and size. */
  readonly structure?: string;
  readonly size?: number | string;
}

export interface WorkloadSpec {
  /** What results call it: the name of the file unless said otherwise. */
  readonly name?: string;
  readonly keyspaces: Readonly<Record<string, KeyspaceSpec>>;
  readonly operations: Readonly<Record<string, OperationSpec>>;
  /** Sent to each node before anything else: `SCRIPT LOAD …`, `FUNCTION LOAD …`. */
  readonly setup?: readonly CommandSpec[];
}

/** For a workload in TypeScript: the value itself, with its type checked. */
export function defineWorkload(spec: WorkloadSpec): WorkloadSpec {
  return spec;
}
