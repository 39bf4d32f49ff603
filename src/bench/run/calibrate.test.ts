import { expect, it } from "vitest";
import { openConnection } from "../resp/connection.ts";
import { startNullServer } from "../target/null-server.ts";
import { calibrate } from "./calibrate.ts";

it("measures GET and SET at each depth against a server that only answers", async () => {
  const cells = await calibrate({
    connections: 3,
    depths: [1, 7],
    valueBytes: 10,
    durationMs: 200,
  });
  expect(cells.map(({ command, depth }) => [command, depth])).toEqual([
    ["GET", 1],
    ["SET", 1],
    ["GET", 7],
    ["SET", 7],
  ]);
  for (const { perSecond, p50Ms, p99Ms } of cells) {
    expect(perSecond).toBeGreaterThan(0);
    expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
  }
});

it("answers what it counts, wherever a read ends", async () => {
  await using server = await startNullServer(3);
  await using connection = await openConnection(server.target);
  const gets = Array.from({ length: 3000 }, () => ["GET", "key:000000000001"]);
  const replies = await connection.callAll(gets);
  expect(replies).toEqual(gets.map(() => "xxx"));
});
