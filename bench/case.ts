/**
 * What a benchmark is: measured in rounds, each figure beside its limit or peer of the same run.
 */
import { type Workspace } from "./workspace.ts";

export interface Settings {
  readonly rounds: number;
  /** Small data, few rounds: shows that everything works, says nothing about speed. */
  readonly isQuick: boolean;
  /** Adds the growth run of 100 million rows. */
  readonly isHuge: boolean;
  readonly nexmark: {
    /** How many events each query gets. */
    readonly events: number;
    /** Which queries run; undefined: all. */
    readonly queries: readonly string[] | undefined;
  };
}

export interface Context {
  readonly settings: Settings;
  readonly workspace: Workspace;
  /** One line on what is happening, for whoever is waiting. */
  readonly progress: (text: string) => void;
}

export interface Series {
  readonly name: string;
  readonly rounds: readonly number[];
  readonly median: number;
}

export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly measured: Series;
  /** Measured in the same rounds, on the same data. */
  readonly beside: readonly Series[];
  readonly goals: readonly Goal[];
  readonly note?: string | undefined;
}

export interface Goal {
  readonly text: string;
  readonly isMet: boolean;
}

export interface BenchCase {
  readonly name: string;
  readonly title: string;
  /** What the hardware should allow, worked out before measuring. */
  readonly estimate: string;
  readonly method: string;
  readonly run: (context: Context) => Promise<readonly Figure[]>;
}
