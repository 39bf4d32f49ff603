/** Which engine answers, and what of its settings matters for speed. Needs no right but to ask. */
import { type Connection, openConnection } from "../resp/connection.ts";
import { type Reply, ReplyError } from "../resp/reply-reader.ts";
import { type Target } from "./target.ts";

export type EngineType =
  | "Redis"
  | "Valkey"
  | "KeyDB"
  | "Dragonfly"
  | "Kvrocks"
  | "Garnet"
  | "Unknown";

export interface ServerFacts {
  readonly type: EngineType;
  readonly version: string | null;
  /** The Redis version that it says it speaks, where that is another. */
  readonly compatVersion: string | null;
  readonly mode: "standalone" | "cluster" | "sentinel" | "unknown";
  readonly managed: "none" | "elasticache" | "unknown";
  readonly detectedBy: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Commands that were refused. */
  readonly denied: readonly string[];
}

/** What CONFIG GET and INFO tell, by the name in the configuration file. */
const SETTINGS = [
  "io-threads",
  "io-threads-do-reads",
  "save",
  "appendonly",
  "appendfsync",
  "maxmemory",
  "maxmemory-policy",
  "maxclients",
  "cluster-enabled",
  "lazyfree-lazy-user-del",
  "activedefrag",
  "hz",
  "tls-port",
  "server-threads",
  "proactor_threads",
  "workers",
] as const;

/** Where CONFIG is refused, INFO still says these. */
const FROM_INFO: Readonly<Record<string, string>> = {
  maxmemory: "maxmemory",
  maxmemory_policy: "maxmemory-policy",
  aof_enabled: "appendonly",
  cluster_enabled: "cluster-enabled",
  maxclients: "maxclients",
  io_threads_active: "io-threads-active",
  mem_allocator: "mem-allocator",
  multiplexing_api: "multiplexing-api",
  thread_count: "thread-count",
};

/** Each field of INFO that names an engine by its own version. */
const VERSION_FIELDS: readonly (readonly [string, EngineType])[] = [
  ["valkey_version", "Valkey"],
  ["dragonfly_version", "Dragonfly"],
  ["kvrocks_version", "Kvrocks"],
  ["garnet_version", "Garnet"],
];

/** Asks; throws only when the connection itself fails. */
export async function readServerFacts(target: Target): Promise<ServerFacts> {
  await using connection = await openConnection(target);
  const denied: string[] = [];
  const info = await readInfo(connection, denied);
  const hello = pairsOf(connection.hello);
  if (connection.hello.length === 0) denied.push("HELLO");
  const settings = await readSettings(connection, info, denied);
  const { type, version, detectedBy } = detect(info, hello);
  const compat = info.get("redis_version") ?? null;
  const mode = info.get("redis_mode") ?? info.get("server_mode") ?? hello.get("mode") ?? "unknown";
  return {
    type,
    version,
    compatVersion: type === "Redis" || type === "Unknown" ? null : compat,
    mode: mode === "standalone" || mode === "cluster" || mode === "sentinel" ? mode : "unknown",
    managed: managedBy(target, info),
    detectedBy,
    settings,
    denied,
  };
}

/** INFO as fields; empty where it is refused. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

async function readInfo(
  connection: Connection,
  denied: string[],
): Promise<ReadonlyMap<string, string>> {
  const reply = await connection.call("INFO");
  if (typeof reply === "string") return parseInfo(reply);
  denied.push("INFO");
  return new Map();
}

async function readSettings(
  connection: Connection,
  info: ReadonlyMap<string, string>,
  denied: string[],
): Promise<Readonly<Record<string, string>>> {
  const settings: Record<string, string> = {};
  for (const [field, name] of Object.entries(FROM_INFO)) {
    const value = info.get(field);
    if (value !== undefined) settings[name] = value;
  }
  // One name a command: engines before Redis 7 take no more.
  const replies = await connection.callAll(SETTINGS.map((name) => ["CONFIG", "GET", name]));
  if (replies.every((reply) => reply instanceof ReplyError)) denied.push("CONFIG");
  for (const reply of replies) {
    for (const [name, value] of pairsOf(Array.isArray(reply) ? (reply as Reply[]) : [])) {
      settings[name] = value;
    }
  }
  return settings;
}

function pairsOf(flat: readonly Reply[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const value = flat[at + 1];
    if (typeof value === "string" || typeof value === "number") {
      pairs.set(String(flat[at]), String(value));
    }
  }
  return pairs;
}

/** `redis_version` alone tells nothing: whoever speaks the protocol has it. */
function detect(
  info: ReadonlyMap<string, string>,
  hello: ReadonlyMap<string, string>,
): { readonly type: EngineType; readonly version: string | null; readonly detectedBy: string } {
  for (const [field, type] of VERSION_FIELDS) {
    const version = info.get(field);
    if (version !== undefined) {
      return { type, version: version.replace(/^(df-)?v/, ""), detectedBy: "INFO" };
    }
  }
  const redisVersion = info.get("redis_version") ?? null;
  // KeyDB keeps Redis' names, and has a section of its own.
  if (info.has("mvcc_depth") || /keydb/i.test(info.get("executable") ?? "")) {
    return { type: "KeyDB", version: redisVersion, detectedBy: "INFO" };
  }
  const server = (hello.get("server") ?? "").toLowerCase();
  const named = (["Redis", "Valkey", "KeyDB", "Dragonfly", "Kvrocks", "Garnet"] as const).find(
    (type) => type.toLowerCase() === server,
  );
  if (named !== undefined) {
    const version = hello.get("version") ?? redisVersion;
    return { type: named, version, detectedBy: "HELLO" };
  }
  if (redisVersion !== null) return { type: "Redis", version: redisVersion, detectedBy: "INFO" };
  return { type: "Unknown", version: hello.get("version") ?? null, detectedBy: "nothing" };
}

function managedBy(
  target: Target,
  info: ReadonlyMap<string, string>,
): "none" | "elasticache" | "unknown" {
  const host = target.address.kind === "tcp" ? target.address.host : "";
  if (host.endsWith(".cache.amazonaws.com")) return "elasticache";
  if (/elasticache/i.test(info.get("os") ?? "")) return "elasticache";
  return info.size === 0 ? "unknown" : "none";
}
