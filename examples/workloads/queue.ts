/**
 * Jobs in a list, with an index of what is running; sizes come from a loop, which is what a file in
 * TypeScript is good for.
 *
 * `kurobe bench run examples/workloads/queue.ts --start valkey`
 */
import { defineWorkload } from "kurobe";

const LENGTHS = [10, 1000];

export default defineWorkload({
  name: "queue",
  keyspaces: Object.fromEntries(
    LENGTHS.map((length) => [
      `jobs-${length}`,
      { keys: 500, value: "64:80,4KiB:20", fill: `RPUSH {key} {values:${length}}` },
    ]),
  ),
  operations: Object.fromEntries(
    LENGTHS.flatMap((length) => [
      [
        `hand over ${length}`,
        {
          keyspace: `jobs-${length}`,
          weight: 4,
          commands: ["RPUSH {key} job:{counter}:{value}", "LPOP {samekey}"],
          expect: "value",
          structure: "list",
          size: length,
        },
      ],
      [
        `look ${length}`,
        {
          keyspace: `jobs-${length}`,
          command: ["LRANGE", "{key}", 0, 9],
          expect: "list",
          lookup: true,
          structure: "list",
          size: length,
        },
      ],
    ]),
  ),
});
