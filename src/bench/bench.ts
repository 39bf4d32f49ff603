/**
 * Measures Redis-compatible engines: load that never waits for itself, every latency kept, and what
 * two engines differ by beyond the noise of the machine.
 */
export { measure, type MeasureOptions, type MeasureStep } from "./run/measure.ts";
export { sweep, type SweepStep } from "./run/sweep.ts";
