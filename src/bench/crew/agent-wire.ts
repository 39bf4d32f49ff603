/**
 * What agents and their coordinator agree on: TLS whose only key is the token, and one JSON value a
 * line. Both ends prove that they know the token, and nobody between them reads passwords of
 * targets.
 */
import { scryptSync } from "node:crypto";
import { type TLSSocket, type TlsOptions } from "node:tls";
import { KurobeError } from "../../core/errors.ts";
import { type Order, type Report } from "./orders.ts";

/** Grows when orders or reports change their meaning. */
export const AGENT_PROTOCOL = 2;
export const AGENT_PORT = 7475;

/** Who an agent is: coordinator and agents must fit together, or their figures do not. */
export interface AgentIdentity {
  readonly protocol: number;
  readonly kurobe: string;
  /** `v20.20.2`. */
  readonly node: string;
  readonly cores: number;
  /** As in results: the same for processes of one machine. */
  readonly hostId: string;
}

export type ToAgent = Order | { readonly kind: "ping"; readonly id: number };

export type FromAgent =
  | Report
  | { readonly kind: "hello"; readonly identity: AgentIdentity }
  /** Milliseconds since the epoch by the agent's clock. */
  | { readonly kind: "pong"; readonly id: number; readonly atMs: number };

const LEAST_TOKEN = 16;

/** Throws KRB_BENCH_AGENT_TOKEN for one that could be guessed. */
export function checkToken(token: string): string {
  if (token.length >= LEAST_TOKEN) return token;
  throw new KurobeError(
    "KRB_BENCH_AGENT_TOKEN",
    `The token of the agents has ${token.length} characters, and needs ${LEAST_TOKEN} at least`,
  );
}

/** A key exchange before it keeps what was recorded secret even from who learns the token later. */
export const PSK_OPTIONS = {
  ciphers: "ECDHE-PSK-CHACHA20-POLY1305",
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.2",
} as const satisfies TlsOptions;

export const PSK_IDENTITY = "kurobe-bench";

/** Made slowly: a token that people chose should not be guessed quickly. */
export function keyOf(token: string): Buffer {
  return scryptSync(token, "kurobe bench agent 1", 32);
}

/** Hours of intervals with their histograms take less. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

export function sendLine(socket: TLSSocket, message: ToAgent | FromAgent): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}

/** Hands on each value; what is no JSON ends the connection. */
export function readLines(socket: TLSSocket, take: (value: unknown) => void): void {
  let parts: Buffer[] = [];
  let length = 0;
  socket.on("data", (chunk: Buffer) => {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(10, from);
      if (end < 0) break;
      parts.push(chunk.subarray(from, end));
      const text = Buffer.concat(parts).toString();
      parts = [];
      length = 0;
      from = end + 1;
      try {
        take(JSON.parse(text));
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
        return;
      }
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > MAX_LINE_BYTES) socket.destroy(new Error("a message is too long"));
  });
}

export interface AgentAddress {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.7`, `10.0.0.7:7475`, `[::1]:7475`. Throws KRB_BENCH_AGENT_ADDRESS. */
export function readAgentAddress(text: string): AgentAddress {
  const [, six, name, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = six ?? name;
  const port = digits === undefined ? AGENT_PORT : Number(digits);
  if (host !== undefined && port < 65_536) return { host, port };
  throw new KurobeError("KRB_BENCH_AGENT_ADDRESS", `${JSON.stringify(text)} is no address`);
}

export function showAgentAddress({ host, port }: AgentAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
