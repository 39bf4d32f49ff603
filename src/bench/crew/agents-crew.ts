/** A crew of agents on several machines. */
import { Lifetime } from "../../core/lifetime.ts";
import { type LoadOptions } from "../load/load.ts";
import { type AgentAddress, showAgentAddress } from "./agent-wire.ts";
import { type AgentLink, type AgentLinkOptions, openAgentLink } from "./agent-link.ts";
import { type Crew } from "./crew.ts";
import { openMemberCrew } from "./member-crew.ts";

export interface AgentsPlan extends AgentLinkOptions {
  readonly addresses: readonly AgentAddress[];
}

/** Orders travel over a network; clocks are known within a few milliseconds. */
const LEAD_MS = 250;

/** Throws what the first agent is refused for. */
export async function openAgentsCrew(
  { addresses, ...options }: AgentsPlan,
  load: LoadOptions,
  threads: number,
): Promise<{ readonly crew: Crew; readonly agents: readonly string[] }> {
  await using opening = new Lifetime();
  const links: AgentLink[] = [];
  for (const address of addresses) {
    links.push(opening.own(await openAgentLink(address, options)));
  }
  const agents = links.map(({ identity: { hostId, cores, node } }, index) => {
    const [address = { host: "?", port: 0 }] = addresses.slice(index);
    return `${showAgentAddress(address)} (host ${hostId}, ${cores} cores, Node ${node})`;
  });
  opening.move();
  const plan = { load, threads, isOneProcess: false, leadMs: LEAD_MS };
  return { crew: await openMemberCrew(links, plan), agents };
}
