/** Where an engine is and how to get in: read from a URL and options. */
import { didYouMean } from "../../plan/problem.ts";
import { KurobeError } from "../../core/errors.ts";

export interface TlsOptions {
  /** PEM texts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** Takes any certificate. */
  readonly isInsecure?: boolean;
}

export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Plain data: it travels to worker threads and agents. */
export interface Target {
  /** What results call it. */
  readonly name: string;
  readonly address: Address;
  readonly tls?: TlsOptions;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  readonly isCluster: boolean;
  readonly protocol: 2 | 3;
}

export interface TargetOptions {
  readonly name?: string;
  readonly tls?: TlsOptions;
  readonly username?: string;
  readonly password?: string;
  readonly isCluster?: boolean;
  readonly protocol?: 2 | 3;
}

const SCHEMES = ["redis:", "rediss:", "valkey:", "valkeys:", "unix:"];
const FORMS =
  "redis://[user:password@]host[:6379][/database], rediss:// for TLS, unix:///path/to.sock";

/**
 * Reads `redis://`, `rediss://`, `valkey://`, `valkeys://` and `unix://` URLs, with
 * `?cluster=true`, `?protocol=2|3` and `?db=n`. Options win over the URL. Throws
 * KRB_BENCH_TARGET_URL.
 */
export function readTarget(text: string, options: TargetOptions = {}): Target {
  const url = readUrl(text);
  const isSecure = url.protocol === "rediss:" || url.protocol === "valkeys:";
  const address: Address =
    url.protocol === "unix:"
      ? { kind: "unix", path: unixPath(url, text) }
      : {
          kind: "tcp",
          host: url.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
          port: url.port === "" ? 6379 : Number(url.port),
        };
  const tls = isSecure || options.tls !== undefined ? (options.tls ?? {}) : undefined;
  const username = options.username ?? decodeURIComponent(url.username);
  const password = options.password ?? decodeURIComponent(url.password);
  return {
    name: options.name ?? showAddress(address),
    address,
    ...(tls === undefined ? {} : { tls }),
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    database: readDatabase(url, text),
    isCluster: options.isCluster ?? ["true", "1", "yes"].includes(parameter(url, "cluster")),
    protocol: options.protocol ?? (parameter(url, "protocol") === "3" ? 3 : 2),
  };
}

/** For people: without user and password. */
export function showTarget(target: Target): string {
  const { address, tls, database } = target;
  if (address.kind === "unix") return `unix://${address.path}`;
  const scheme = tls === undefined ? "redis" : "rediss";
  return `${scheme}://${showAddress(address)}${database === 0 ? "" : `/${database}`}`;
}

export function showAddress(address: Address): string {
  if (address.kind === "unix") return address.path;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** The same engine's other node: cluster nodes share users and certificates. */
export function targetAt(target: Target, host: string, port: number): Target {
  return { ...target, address: { kind: "tcp", host, port } };
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && SCHEMES.includes(url.protocol)) return url;
  // `localhost:6379` parses as a URL whose scheme is `localhost:`.
  const scheme = /^([a-z+]+:)\/\//.exec(text)?.[1];
  const why =
    scheme === undefined
      ? `write redis://${text}`
      : `${scheme}// is no scheme: ${didYouMean(scheme, SCHEMES)}`;
  throw new KurobeError("KRB_BENCH_TARGET_URL", `The target ${hidden(text)} is no URL: ${why}`, {
    hint: `Write ${FORMS}.`,
  });
}

function unixPath(url: URL, text: string): string {
  const path = decodeURIComponent(
    `${url.hostname === "" ? "" : `/${url.hostname}`}${url.pathname}`,
  );
  if (path.length > 1) return path;
  throw new KurobeError("KRB_BENCH_TARGET_URL", `The target ${hidden(text)} names no socket`, {
    hint: "Write unix:///path/to.sock.",
  });
}

function readDatabase(url: URL, text: string): number {
  const path = url.protocol === "unix:" ? "" : url.pathname.replace(/^\//, "");
  const written = path === "" ? parameter(url, "db") : path;
  if (/^\d*$/.test(written)) return Number(written);
  throw new KurobeError(
    "KRB_BENCH_TARGET_URL",
    `The target ${hidden(text)} names database ${JSON.stringify(written)}, which is no number`,
    { hint: `Write ${FORMS}.` },
  );
}

function parameter(url: URL, name: string): string {
  return url.searchParams.get(name) ?? "";
}

/** A URL as typed may hold a password. */
function hidden(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^@/]*@/, "//***@"));
}
