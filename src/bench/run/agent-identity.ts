/** Who this process is for agents and their coordinator. */
import { availableParallelism } from "node:os";
import { AGENT_PROTOCOL, type AgentIdentity } from "../crew/agent-wire.ts";
import { hostId, packageVersion } from "./environment.ts";

export function ownIdentity(): AgentIdentity {
  return {
    protocol: AGENT_PROTOCOL,
    kurobe: packageVersion(),
    node: process.version,
    cores: availableParallelism(),
    hostId: hostId(),
  };
}
