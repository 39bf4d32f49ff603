/** The coordinator's way to an agent: refuses versions and clocks that do not fit. */
import { connect, type TLSSocket } from "node:tls";
import { KurobeError } from "../../core/errors.ts";
import {
  type AgentAddress,
  type AgentIdentity,
  checkToken,
  type FromAgent,
  keyOf,
  PSK_IDENTITY,
  PSK_OPTIONS,
  readLines,
  sendLine,
  showAgentAddress,
  type ToAgent,
} from "./agent-wire.ts";
import { failureError, type Lost, type MemberLink } from "./member-crew.ts";
import { type Report } from "./orders.ts";

export interface AgentLinkOptions {
  readonly token: string;
  /** Ours: what agents are held against. */
  readonly identity: AgentIdentity;
}

export interface AgentLink extends MemberLink {
  readonly identity: AgentIdentity;
  /** The shortest round trip that was seen. */
  readonly tripMs: number;
}

const CONNECT_MS = 5000;
const ROUND_TRIPS = 9;
const PING_MS = 2000;
/** Five pings without an answer: what TCP itself would notice after minutes. */
const SILENCE_MS = 10_000;
/** Further apart, times in results and logs would not match. */
const MAX_OFFSET_MS = 500;
/** The offset is known within half of the shortest round trip. */
const MAX_UNCERTAINTY_MS = 50;

/**
 * Throws KRB_BENCH_AGENT_UNREACHABLE, KRB_BENCH_AGENT_REFUSED (another token), _BUSY, _VERSION or
 * _CLOCK.
 */
export async function openAgentLink(
  address: AgentAddress,
  { token, identity }: AgentLinkOptions,
): Promise<AgentLink> {
  const name = `agent ${showAgentAddress(address)}`;
  const wire = new Wire(await openWire(address, name, keyOf(checkToken(token))), name);
  try {
    const theirs = await wire.hello();
    checkVersions(name, identity, theirs);
    return wire.link(theirs, await readClock(name, wire));
  } catch (error) {
    wire.close();
    throw error;
  }
}

async function openWire(address: AgentAddress, name: string, psk: Buffer): Promise<TLSSocket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({
      ...PSK_OPTIONS,
      ...address,
      pskCallback: () => ({ psk, identity: PSK_IDENTITY }),
      // Whoever knows the token is the agent: there are no certificates.
      checkServerIdentity: () => undefined,
    });
    const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), CONNECT_MS);
    const fail = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      reject(connectError(name, error));
    };
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      socket.removeListener("error", fail);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function connectError(name: string, cause: NodeJS.ErrnoException): KurobeError {
  if (/BAD_RECORD_MAC|DECRYPT/.test(cause.code ?? "")) {
    return new KurobeError("KRB_BENCH_AGENT_REFUSED", `${name} has another token`, { cause });
  }
  const why = (cause.code ?? "").startsWith("ERR_SSL")
    ? "what answers there is no agent"
    : cause.message;
  return new KurobeError("KRB_BENCH_AGENT_UNREACHABLE", `${name}: ${why}`, { cause });
}

/** Messages of one connection; those of the handshake are waited for one by one. */
class Wire {
  readonly #socket: TLSSocket;
  readonly #name: string;
  #take: (message: FromAgent | Lost) => void = () => undefined;
  readonly #early: (FromAgent | Lost)[] = [];
  #isWaiting = false;
  #pinging: NodeJS.Timeout | undefined;

  constructor(socket: TLSSocket, name: string) {
    this.#socket = socket;
    this.#name = name;
    let why = "it closed the connection";
    socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error("it fell silent")));
    socket.on("error", ({ message }) => (why = message));
    socket.once("close", () => {
      clearInterval(this.#pinging);
      this.#hear({ kind: "lost", why });
    });
    readLines(socket, (value) => this.#hear(value as FromAgent));
  }

  async hello(): Promise<AgentIdentity> {
    const message = await this.#next();
    if (message.kind === "hello") return message.identity;
    if (message.kind === "failed") throw failureError(message, this.#name);
    const why = message.kind === "lost" ? message.why : "it does not say who it is";
    throw new KurobeError("KRB_BENCH_AGENT_UNREACHABLE", `${this.#name}: ${why}`);
  }

  /** What its clock shows. */
  async ask(id: number): Promise<number> {
    this.send({ kind: "ping", id });
    const message = await this.#next();
    if (message.kind === "pong") return message.atMs;
    throw new KurobeError("KRB_BENCH_AGENT_UNREACHABLE", `${this.#name} does not tell the time`);
  }

  send(message: ToAgent): void {
    sendLine(this.#socket, message);
  }

  link(identity: AgentIdentity, clock: Pick<AgentLink, "clockOffsetMs" | "tripMs">): AgentLink {
    this.#pinging = setInterval(() => this.send({ kind: "ping", id: 0 }), PING_MS);
    return {
      name: this.#name,
      identity,
      ...clock,
      send: (order) => this.send(order),
      listen: (listener) => {
        this.#isWaiting = true;
        this.#take = (message) => {
          if (message.kind !== "pong" && message.kind !== "hello") listener(message);
        };
        for (const message of this.#early.splice(0)) {
          // Whoever listens next has to know it, too.
          if (message.kind === "lost") this.#early.push(message);
          this.#take(message);
        }
      },
      [Symbol.asyncDispose]: async () => {
        this.close();
        await Promise.resolve();
      },
    };
  }

  close(): void {
    clearInterval(this.#pinging);
    this.#take = () => undefined;
    this.#socket.destroy();
  }

  async #next(): Promise<FromAgent | Lost> {
    const early = this.#early.shift();
    if (early !== undefined) return early;
    return await new Promise((resolve) => {
      this.#isWaiting = true;
      this.#take = (message) => {
        this.#isWaiting = false;
        resolve(message);
      };
    });
  }

  /** A lost connection is told to everybody who listens later, too. */
  #hear(message: Report | FromAgent | Lost): void {
    const isHeard = this.#isWaiting;
    if (isHeard) this.#take(message);
    if (!isHeard || message.kind === "lost") this.#early.push(message);
  }
}

/** Other versions send other bytes, and other runtimes are faster: their figures do not add up. */
function checkVersions(name: string, ours: AgentIdentity, theirs: AgentIdentity): void {
  const major = ({ node }: AgentIdentity): string => node.split(".")[0] ?? "";
  const [differs, here, there] =
    ours.protocol !== theirs.protocol
      ? ["protocol", ours.protocol, theirs.protocol]
      : ours.kurobe !== theirs.kurobe
        ? ["kurobe", ours.kurobe, theirs.kurobe]
        : ["Node", major(ours), major(theirs)];
  if (here === there) return;
  throw new KurobeError(
    "KRB_BENCH_AGENT_VERSION",
    `${name} has ${differs} ${there}, and this coordinator ${here}`,
  );
}

/** By the shortest of several round trips, as NTP does it. */
async function readClock(
  name: string,
  wire: Wire,
): Promise<Pick<AgentLink, "clockOffsetMs" | "tripMs">> {
  let offsetMs = 0;
  let shortestMs = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= ROUND_TRIPS; round++) {
    const sentMs = Date.now();
    const startMs = performance.now();
    const theirsMs = await wire.ask(round);
    const tripMs = performance.now() - startMs;
    if (tripMs >= shortestMs) continue;
    shortestMs = tripMs;
    offsetMs = theirsMs - (sentMs + tripMs / 2);
  }
  const uncertaintyMs = shortestMs / 2;
  if (uncertaintyMs > MAX_UNCERTAINTY_MS) {
    throw new KurobeError(
      "KRB_BENCH_AGENT_CLOCK",
      `${name} takes ${shortestMs.toFixed(0)} ms for a round trip: ` +
        `its clock is not known within ${MAX_UNCERTAINTY_MS} ms`,
    );
  }
  if (Math.abs(offsetMs) > MAX_OFFSET_MS + uncertaintyMs) {
    throw new KurobeError(
      "KRB_BENCH_AGENT_CLOCK",
      `The clock of ${name} is ${Math.abs(offsetMs).toFixed(0)} ms ` +
        `${offsetMs > 0 ? "ahead" : "behind"}; ${MAX_OFFSET_MS} ms are the most`,
    );
  }
  return { clockOffsetMs: offsetMs, tripMs: shortestMs };
}
