/** What the doors need to know of the machine and of who may come in. */
import { isIP } from "node:net";
import { KurobeError } from "../core/errors.ts";

export interface ServeSettings {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  /** Null lets everyone in who reaches the port: on loopback, or where `insecure` says so. */
  readonly token: string | null;
  /** Names besides localhost and IP addresses by which clients may call this server. */
  readonly allowedHosts: readonly string[];
  /** Origins (`https://console.example`) whose pages may read answers; none by default. */
  readonly allowedOrigins: readonly string[];
  /** Allows plain HTTP, or no token, on an address that others can reach. */
  readonly insecure: boolean;
  /** PEM text. Null: plain HTTP. */
  readonly tls: { readonly key: string; readonly cert: string } | null;
  readonly maxConnections: number;
  readonly maxLiveClients: number;
  /** From a connection's first byte to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number;
  /** The longest pause inside a request body. */
  readonly bodyIdleTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long closing waits for requests that are being answered. */
  readonly shutdownTimeoutMs: number;
}

export const DEFAULT_SERVE_SETTINGS: Omit<ServeSettings, "token"> = {
  host: "127.0.0.1",
  port: 4186,
  allowedHosts: [],
  allowedOrigins: [],
  insecure: false,
  tls: null,
  maxConnections: 10_000,
  maxLiveClients: 1000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  bodyIdleTimeoutMs: 20_000,
  // Longer than the minute after which most clients and proxies give an idle connection up, so that
  // they never send into one that is just being closed.
  keepAliveTimeoutMs: 75_000,
  heartbeatMs: 15_000,
  shutdownTimeoutMs: 10_000,
};

/** Throws KRB_SERVE_INSECURE_BIND where others could come in without token or encryption. */
export function checkBind(settings: ServeSettings): void {
  if (settings.token === "") {
    throw new KurobeError("KRB_SERVE_INSECURE_BIND", "the token is empty");
  }
  if (settings.insecure || isLoopback(settings.host)) return;
  const missing = [
    ...(settings.tls === null ? ["a certificate"] : []),
    ...(settings.token === null ? ["a token"] : []),
  ];
  if (missing.length === 0) return;
  throw new KurobeError(
    "KRB_SERVE_INSECURE_BIND",
    `refusing to listen on ${settings.host} without ${missing.join(" and ")}`,
  );
}

export function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
