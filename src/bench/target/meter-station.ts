/** Connections on which servers are asked what they have spent. */
import { type Connection, openConnection } from "../resp/connection.ts";
import { parseInfo } from "./server-facts.ts";
import { showTarget, type Target } from "./target.ts";

export interface Station {
  readonly node: Target;
  readonly connection: Connection;
  /** The process behind the connection: a server that starts again begins to count anew. */
  readonly server: string;
}

/** All of them, or it throws what the first one is refused for. */
export async function openStations(nodes: readonly Target[]): Promise<readonly Station[]> {
  const opened = await Promise.allSettled(nodes.map(openStation));
  const stations = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const refused = opened.find((each) => each.status === "rejected");
  if (refused === undefined) return stations;
  closeStations(stations);
  throw refused.reason;
}

export function closeStations(stations: readonly Station[]): void {
  for (const { connection } of stations) connection.destroy();
}

async function openStation(node: Target): Promise<Station> {
  const connection = await openConnection(node);
  const info = await connection.call("INFO", "server");
  const runId = parseInfo(typeof info === "string" ? info : "").get("run_id") ?? "";
  return { node, connection, server: `${showTarget(node)} ${runId}` };
}
