/** One run as it is kept in `bench/results/`. */
import { type Figure, type Settings } from "./case.ts";
import { type Machine, type Origin } from "./machine.ts";

export interface Report {
  readonly startedAt: string;
  readonly machine: Machine;
  readonly origin: Origin;
  readonly settings: Settings;
  readonly cases: readonly {
    readonly name: string;
    readonly title: string;
    readonly estimate: string;
    readonly method: string;
    readonly figures: readonly Figure[];
    readonly failure?: string;
  }[];
}
