import { expect, it } from "vitest";
import { histogramOf } from "../../../test/support/bench-results.ts";
import { describeSlice, type Slice } from "./slice.ts";

it("keeps of a slice what its requests can tell", () => {
  const command = (latenciesUs: readonly number[]): Slice["commands"][string] => ({
    requests: latenciesUs.length,
    errors: 0,
    histogram: histogramOf(latenciesUs),
  });
  const described = describeSlice({
    target: "redis",
    pair: 3,
    position: 1,
    seconds: 0.1,
    requests: 1500,
    errors: 2,
    commands: {
      GET: command(Array.from({ length: 1490 }, () => 200)),
      SET: command(Array.from({ length: 10 }, () => 900)),
    },
    clientCpuS: 0.05,
    serverCpuS: null,
  });
  const close = (value: number): number => expect.closeTo(value, 2) as number;
  expect(described).toMatchObject({ pair: 3, position: 1, p50_ms: close(0.2) });
  expect(described.server_cpu_s).toBe(null);
  expect(described.by_command["GET"]).toEqual({
    requests: 1490,
    p50_ms: close(0.2),
    p99_ms: close(0.2),
  });
  expect(described.by_command["SET"]).toMatchObject({ requests: 10, p99_ms: null });
});
