/** What a workload needs on a node before its commands come: scripts have to be there. */
import { KurobeError } from "../../core/errors.ts";
import { openConnection } from "../resp/connection.ts";
import { ReplyError } from "../resp/reply-reader.ts";
import { showTarget, type Target } from "../target/target.ts";
import { type Workload } from "../workload/workload.ts";

/** On each node. Throws KRB_BENCH_WORKLOAD where one of them refuses it. */
export async function setUp(nodes: readonly Target[], { setup, name }: Workload): Promise<void> {
  if (setup.length === 0) return;
  for (const node of nodes) {
    await using connection = await openConnection(node);
    for (const reply of await connection.callAll(setup)) {
      if (!(reply instanceof ReplyError)) continue;
      const message = `${showTarget(node)} refuses what ${name} needs: ${reply.message}`;
      throw new KurobeError("KRB_BENCH_WORKLOAD", message);
    }
  }
}
