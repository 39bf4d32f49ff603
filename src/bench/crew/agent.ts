/** An agent: carries a share of the load of a coordinator on another machine. */
import { once } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import { KurobeError } from "../../core/errors.ts";
import { Load } from "../load/load.ts";
import {
  type AgentAddress,
  type AgentIdentity,
  checkToken,
  keyOf,
  PSK_IDENTITY,
  PSK_OPTIONS,
  readLines,
  sendLine,
  showAgentAddress,
  type ToAgent,
} from "./agent-wire.ts";
import { type Crew, soloCrew } from "./crew.ts";
import { Member } from "./member.ts";
import { type LoadShare, type Report } from "./orders.ts";
import { openThreadCrew } from "./thread.ts";

export interface AgentOptions {
  readonly address: AgentAddress;
  readonly token: string;
  readonly identity: AgentIdentity;
  /** Milliseconds since the epoch; an argument so that tests can set it wrong. */
  readonly now: () => number;
  /** For people who watch the agent. */
  readonly onEvent: (event: AgentEvent) => void;
}

export type AgentEvent =
  | { readonly kind: "coordinator"; readonly from: string; readonly isThere: boolean }
  /** Somebody without the token, or something that is no coordinator. */
  | { readonly kind: "refused"; readonly from: string; readonly why: string }
  /** A slice of a comparison, where it is one of hundreds. */
  | { readonly kind: "report"; readonly report: Report; readonly isSlice: boolean };

export interface Agent extends AsyncDisposable {
  readonly address: AgentAddress;
}

/** A coordinator asks every two seconds; one that is silent for so long is gone. */
const SILENCE_MS = 30_000;

/** Throws KRB_BENCH_AGENT_LISTEN where the address is taken. */
export async function openAgent(options: AgentOptions): Promise<Agent> {
  const { address, token, onEvent } = options;
  const key = keyOf(checkToken(token));
  let current: Session | undefined;
  const server = createServer(
    {
      ...PSK_OPTIONS,
      pskCallback: (_socket, identity) => (identity === PSK_IDENTITY ? key : null),
    },
    (socket) => {
      if (current?.isOpen === true) {
        refuse(socket);
        onEvent({ kind: "refused", from: placeOf(socket), why: "busy with another coordinator" });
        return;
      }
      current = new Session(socket, options);
    },
  );
  server.on("tlsClientError", ({ message }, socket) => {
    onEvent({ kind: "refused", from: placeOf(socket), why: message.replace(/^\w+:error:/, "") });
  });
  server.listen(address.port, address.host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot listen on ${showAgentAddress(address)}: ${why}`;
    throw new KurobeError("KRB_BENCH_AGENT_LISTEN", message, { cause });
  }
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return {
    address: { ...address, port },
    async [Symbol.asyncDispose]() {
      server.close();
      await current?.close();
    },
  };
}

/** One coordinator, from its connection to its end. */
class Session {
  readonly #socket: TLSSocket;
  readonly #member: Member;
  readonly #ended: Promise<void>;
  #isSlice = false;
  isOpen = true;

  constructor(socket: TLSSocket, { identity, now, onEvent }: AgentOptions) {
    this.#socket = socket;
    const from = placeOf(socket);
    onEvent({ kind: "coordinator", from, isThere: true });
    this.#member = new Member({
      openCrew,
      report: (report) => {
        onEvent({ kind: "report", report, isSlice: this.#isSlice });
        sendLine(socket, report);
      },
    });
    socket.setNoDelay(true);
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      socket.once("close", () => {
        // Only when its connections are closed may the next coordinator come.
        void this.#member[Symbol.asyncDispose]().finally(() => {
          this.isOpen = false;
          onEvent({ kind: "coordinator", from, isThere: false });
          resolve();
        });
      });
    });
    readLines(socket, (value) => {
      const message = value as ToAgent;
      if (message.kind === "run") this.#isSlice = message.run.intervalMs === null;
      if (message.kind !== "ping") this.#member.take(message);
      else sendLine(socket, { kind: "pong", id: message.id, atMs: now() });
    });
    sendLine(socket, { kind: "hello", identity });
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#ended;
  }
}

async function openCrew({ load, threads }: LoadShare): Promise<Crew> {
  return threads === 1 ? soloCrew(await Load.open(load)) : openThreadCrew(load, threads);
}

function refuse(socket: TLSSocket): void {
  socket.on("error", () => undefined);
  const { code, message, hint } = new KurobeError("KRB_BENCH_AGENT_BUSY", "It serves another one");
  sendLine(socket, { kind: "failed", code, message, hint });
  socket.end();
}

function placeOf({ remoteAddress = "?", remotePort = 0 }: TLSSocket): string {
  return showAgentAddress({ host: remoteAddress, port: remotePort });
}
