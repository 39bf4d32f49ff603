/** Keeps hashes and sorted sets of Redis or Valkey, or publishes to a channel. */
import type { Cluster, Redis, RedisOptions } from "iovalkey";
import { type ErrorCode } from "../core/error-catalog.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type RedisPlan } from "../plan/sinks/redis.ts";
import { loadClient } from "./client-package.ts";
import { databaseUrl } from "./database-url.ts";
import { type Delivery } from "./delivery.ts";
import { type Destination, type DestinationDeps } from "./destination.ts";
import { messagesOf, redisWrites, type ScriptCall } from "./redis-writes.ts";

export async function openRedis(plan: RedisPlan, deps: DestinationDeps): Promise<Destination> {
  const client = await loadClient(plan.name, "iovalkey", () => import("iovalkey"));
  const url = databaseUrl(plan, ["redis:", "rediss:", "valkey:", "valkeys:"], deps);
  const options = optionsOf(plan, url);
  const login = loginOf(url);
  const { layout } = plan;
  // Whatever one node is told to publish goes to all, and in order; several would mix it up.
  const isSpread = plan.cluster && layout.kind !== "channel";
  const connect = (): Redis | Cluster =>
    isSpread
      ? new client.Cluster([{ host: options.host ?? "", port: options.port ?? 0 }], {
          // A node is asked nothing before its login was answered.
          redisOptions: { ...options, ...login, enableReadyCheck: true },
          clusterRetryStrategy: () => null,
          enableOfflineQueue: false,
          lazyConnect: true,
        })
      : new client.Redis(options);
  const writesOf = redisWrites(plan, deps.relation);
  const database = databaseOf(plan, url);
  const open = async (connection: Redis | Cluster): Promise<void> => {
    await connection.connect();
    if (isSpread) return;
    // Not left to the client: it would go on as the default user when the login is refused, and in
    // database 0 when this one does not exist.
    const { username = "default", password } = login;
    if (password !== undefined) await connection.auth(username, password);
    if (database > 0) await connection.select(database);
  };
  const sink = new RedisSink(plan, { connect, open }, (batch, connection) =>
    layout.kind === "channel"
      ? published(connection, layout.channel, messagesOf(batch))
      : written(connection, writesOf(batch)),
  );
  return {
    kind: "rows",
    batchRows: plan.batch,
    lanes: 1,
    deliver: (batch, signal) => sink.deliver(batch, signal),
    [Symbol.asyncDispose]: () => {
      sink.close();
      return Promise.resolve();
    },
  };
}

/** A failure is ours to repeat: the client neither connects again nor queues by itself. */
function optionsOf(plan: RedisPlan, url: URL): RedisOptions {
  const timeoutMs = Math.ceil(plan.timeoutUs / 1000);
  const isSecure = url.protocol === "rediss:" || url.protocol === "valkeys:";
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    ...(isSecure ? { tls: {} } : {}),
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    lazyConnect: true,
    // It would ask for the right to INFO; a server that is loading says so to any command.
    enableReadyCheck: false,
  };
}

function loginOf(url: URL): Pick<RedisOptions, "username" | "password"> {
  return {
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
  };
}

/** The number in the path; KRB_SINKS_SETTING where there can be none. */
function databaseOf({ name, cluster }: RedisPlan, url: URL): number {
  const text = url.pathname.slice(1);
  if (/^\d*$/.test(text) && !(cluster && Number(text) > 0)) return Number(text);
  throw new KurobeError(
    "KRB_SINKS_SETTING",
    `sink ${name}: ${cluster ? "a cluster has no" : "there is no"} database ${JSON.stringify(text)}`,
    { hint: "The path of the URL is the number of the database, as in redis://host:6379/0." },
  );
}

type Work = (batch: readonly Delivery[], connection: Redis | Cluster) => Promise<void>;

interface Connecting {
  readonly connect: () => Redis | Cluster;
  readonly open: (connection: Redis | Cluster) => Promise<void>;
}

class RedisSink {
  readonly #plan: RedisPlan;
  readonly #connecting: Connecting;
  readonly #work: Work;
  #connection: Redis | Cluster | null = null;
  /** What the client was told outside of any command: a login that is refused. */
  #aside: unknown;

  constructor(plan: RedisPlan, connecting: Connecting, work: Work) {
    this.#plan = plan;
    this.#connecting = connecting;
    this.#work = work;
  }

  async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.close();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#work(batch, this.#connection ?? (await this.#open()));
    } catch (cause) {
      const error = deliveryError(this.#plan.name, this.#aside ?? cause);
      // A connection that an answer came through is as good as before.
      if (error.code === "KRB_SINKS_UNREACHABLE" || this.#aside !== undefined) this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #open(): Promise<Redis | Cluster> {
    const connection = this.#connecting.connect();
    this.#connection = connection;
    // Without a listener the client prints it.
    connection.on("error", (error: unknown) => {
      if (this.#connection === connection) this.#aside ??= error;
    });
    await this.#connecting.open(connection);
    return connection;
  }

  close(): void {
    this.#connection?.disconnect();
    this.#connection = null;
    this.#aside = undefined;
  }
}

/** All calls are on their way at once; the first that failed speaks for the batch. */
async function written(connection: Redis | Cluster, calls: readonly ScriptCall[]): Promise<void> {
  await Promise.all(
    calls.map(({ script, keys, args }) => connection.eval(script, keys.length, ...keys, ...args)),
  );
}

async function published(
  connection: Redis | Cluster,
  channel: string,
  messages: readonly string[],
): Promise<void> {
  await Promise.all(messages.map((message) => connection.publish(channel, message)));
}

/** What an answer of the server means; what is not listed passes, as a failover does. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/\b(NOAUTH|WRONGPASS|NOPERM)\b|invalid (username|password)/, "KRB_SINKS_DENIED"],
  [/\bWRONGTYPE\b|not a valid float/, "KRB_SINKS_REJECTED"],
  [/unknown command|Cluster support disabled|cluster support disabled/, "KRB_SINKS_TARGET"],
  [/DB index is out of range/, "KRB_SINKS_TARGET"],
];

function deliveryError(sink: string, cause: unknown): KurobeError {
  if (isKurobeError(cause)) return cause;
  const said = saidBy(cause);
  const code = MEANINGS.find(([pattern]) => pattern.test(said))?.[1] ?? "KRB_SINKS_UNREACHABLE";
  return new KurobeError(code, `sink ${sink}: Redis: ${said}`, { cause });
}

/** A cluster's client wraps what its last node said. */
function saidBy(cause: unknown): string {
  const { message, lastNodeError, code } = cause as {
    readonly message?: string;
    readonly lastNodeError?: Error;
    readonly code?: string;
  };
  const own = message === undefined || message === "" ? (code ?? String(cause)) : message;
  return lastNodeError === undefined ? own : `${own} (${lastNodeError.message})`;
}
