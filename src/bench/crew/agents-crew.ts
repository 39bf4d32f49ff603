/** Crews of agents on several machines. */
import { Lifetime } from "../../core/lifetime.ts";
import { type LoadOptions } from "../load/load.ts";
import { type AgentAddress, showAgentAddress } from "./agent-wire.ts";
import { type AgentLink, type AgentLinkOptions, openAgentLink } from "./agent-link.ts";
import { type Crew } from "./crew.ts";
import { openMemberCrew } from "./member-crew.ts";

export interface AgentsPlan extends AgentLinkOptions {
  readonly addresses: readonly AgentAddress[];
}

/** Orders travel over a network; a slice of a comparison should not wait for long. */
const LEAST_LEAD_MS = 50;
const MOST_LEAD_MS = 250;
const TRIPS_OF_LEAD = 10;

/** Agents that wait for loads: several may be open at the same time, and take turns. */
export class Agents implements AsyncDisposable {
  readonly #links: readonly AgentLink[];
  readonly #addresses: readonly AgentAddress[];
  readonly #lifetime: Lifetime;
  #loads = 0;

  private constructor(
    links: readonly AgentLink[],
    addresses: readonly AgentAddress[],
    lifetime: Lifetime,
  ) {
    this.#links = links;
    this.#addresses = addresses;
    this.#lifetime = lifetime;
  }

  /** Throws what the first agent is refused for. */
  static async open({ addresses, ...options }: AgentsPlan): Promise<Agents> {
    await using opening = new Lifetime();
    const links: AgentLink[] = [];
    for (const address of addresses) {
      links.push(opening.own(await openAgentLink(address, options)));
    }
    return new Agents(links, addresses, opening.move());
  }

  /** `10.0.0.7:7475 (host 5f3a…, 8 cores, Node v20.20.2)`. */
  get names(): readonly string[] {
    return this.#links.map(({ identity: { hostId, cores, node } }, index) => {
      const [address = { host: "?", port: 0 }] = this.#addresses.slice(index);
      return `${showAgentAddress(address)} (host ${hostId}, ${cores} cores, Node ${node})`;
    });
  }

  /** Each agent gets a part of the connections, and shares them among so many threads. */
  async openCrew(load: LoadOptions, threads: number): Promise<Crew> {
    const tripMs = Math.max(...this.#links.map((link) => link.tripMs));
    const leadMs = Math.min(MOST_LEAD_MS, LEAST_LEAD_MS + TRIPS_OF_LEAD * tripMs);
    this.#loads += 1;
    return await openMemberCrew(this.#links, {
      ...{ load, threads, isOneProcess: false, leadMs },
      ...{ number: this.#loads, isLinkShared: true },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifetime[Symbol.asyncDispose]();
  }
}
