/**
 * What a comparison is made of: short runs of each target, in turns, on warm connections.
 *
 * Caller promises: all targets of a pair ran right after each other, in an order drawn anew for
 * each pair, each slice drained before the next one began.
 */
import { LatencyHistogram } from "../histogram/histogram.ts";
import { type ResultSlice } from "../result/result.ts";

export interface SliceCommand {
  readonly requests: number;
  readonly errors: number;
  /** From the send, in a closed loop; from the intended time in an open one. */
  readonly histogram: LatencyHistogram;
}

export interface Slice {
  /** The target's name, as given. */
  readonly target: string;
  /** From 0; the same for one slice of each target. */
  readonly pair: number;
  /** 0 where this target went first in its pair. */
  readonly position: number;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly commands: Readonly<Record<string, SliceCommand>>;
  /** Names of the commands that the slice's own figures are of; all unless said otherwise. */
  readonly headline?: readonly string[];
  readonly clientCpuS: number;
  /** Null where the server's processor time cannot be read. */
  readonly serverCpuS: number | null;
}

/** The slice as it lies in a result file; percentiles need enough requests there too. */
export function describeSlice(slice: Slice): ResultSlice {
  const commands = Object.entries(slice.commands);
  const all = new LatencyHistogram();
  for (const [name, { histogram }] of commands) {
    if (slice.headline?.includes(name) ?? true) all.merge(histogram);
  }
  const { p50, p99 } = all.summary();
  return {
    pair: slice.pair,
    position: slice.position,
    seconds: slice.seconds,
    requests: slice.requests,
    errors: slice.errors,
    p50_ms: p50,
    p99_ms: p99,
    client_cpu_s: slice.clientCpuS,
    server_cpu_s: slice.serverCpuS,
    by_command: Object.fromEntries(
      commands.map(([name, { requests, histogram }]) => {
        const { p50, p99 } = histogram.summary();
        return [name, { requests, p50_ms: p50, p99_ms: p99 }];
      }),
    ),
  };
}
