/** Which engines to measure: URLs, or servers that are started for the run. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type LocalServer, startLocalServer } from "../../bench/target/local-server.ts";
import { readTarget, type Target, type TlsOptions } from "../../bench/target/target.ts";
import { KurobeError } from "../../core/errors.ts";
import { Lifetime } from "../../core/lifetime.ts";
import { type OptionSpecs, type OptionValues } from "../command.ts";
import { type Terminal } from "../terminal.ts";
import { usage } from "./read-options.ts";

export const TARGET_OPTIONS = {
  start: {
    kind: "text",
    value: "engines",
    prose: "Start local servers for the run, and stop them after it: redis,valkey.",
  },
  core: {
    kind: "text",
    value: "n",
    prose: "Processor that started servers are bound to (needs taskset).",
    defaultProse: "0 where there are several",
  },
  user: { kind: "text", value: "name", prose: "ACL user." },
  "password-env": {
    kind: "text",
    value: "variable",
    prose: "Environment variable that holds the password.",
    defaultProse: "the password in the URL",
  },
  cluster: { kind: "switch", prose: "The targets are clusters: ask for their nodes." },
  protocol: {
    kind: "text",
    value: "n",
    choices: ["2", "3"],
    prose: "RESP version.",
    defaultProse: "2",
  },
  tls: { kind: "switch", prose: "Use TLS, as with rediss://." },
  ca: { kind: "text", value: "file", prose: "Certificate authority of the servers, PEM." },
  cert: { kind: "text", value: "file", prose: "Certificate of the client, PEM." },
  key: { kind: "text", value: "file", prose: "Key of the client's certificate, PEM." },
  sni: { kind: "text", value: "host", prose: "Server name to check the certificate for." },
  insecure: { kind: "switch", prose: "Take any certificate." },
} as const satisfies OptionSpecs;

export const TARGET_POSITIONAL = {
  name: "target",
  prose: "redis://host:6379, rediss://…, unix:///path; name=URL gives it a name.",
  isOptional: true,
  isMany: true,
} as const;

export interface OpenTargets extends AsyncDisposable {
  readonly targets: readonly OpenTarget[];
}

export interface OpenTarget {
  readonly target: Target;
  /** What is known of how its server is bound to processors. */
  readonly pinning: string | null;
}

/** Reads and starts targets in the order they were named; started servers end with the result. */
export async function openTargets(
  options: OptionValues<typeof TARGET_OPTIONS>,
  positionals: readonly string[],
  terminal: Terminal,
): Promise<OpenTargets> {
  const { environment } = terminal;
  const tls = await readTls(options, terminal);
  const password = readPassword(options["password-env"], environment);
  const named = positionals.map((text) => {
    const [, name, url = text] = /^([A-Za-z0-9_.-]+)=(.+)$/.exec(text) ?? [];
    const target = readTarget(url, {
      ...(name === undefined ? {} : { name }),
      ...(tls === undefined ? {} : { tls }),
      ...(options.user === undefined ? {} : { username: options.user }),
      ...(password === undefined ? {} : { password }),
      ...(options.cluster ? { isCluster: true } : {}),
      ...(options.protocol === undefined ? {} : { protocol: options.protocol === "3" ? 3 : 2 }),
    });
    return { target, pinning: null };
  });
  await using opening = new Lifetime();
  const started: OpenTarget[] = [];
  for (const engine of enginesOf(options.start)) {
    const server = opening.own(await startLocalServer({ engine, core: readCore(options.core) }));
    started.push({ target: spoken(server, options.protocol), pinning: pinningOf(engine, server) });
  }
  const targets = [...named, ...started];
  if (targets.length === 0) {
    throw usage(
      "There is no engine to measure",
      "Name one (redis://127.0.0.1:6379), or start some: --start redis,valkey.",
    );
  }
  const lifetime = opening.move();
  return { targets, [Symbol.asyncDispose]: async () => lifetime[Symbol.asyncDispose]() };
}

function spoken({ target }: LocalServer, protocol: string | undefined): Target {
  return protocol === "3" ? { ...target, protocol: 3 } : target;
}

function pinningOf(engine: string, { core }: LocalServer): string | null {
  return core === undefined ? null : `${engine} on processor ${core}`;
}

function enginesOf(start: string | undefined): readonly string[] {
  const names = (start ?? "").split(",").filter((name) => name !== "");
  for (const name of names) {
    if (!/^[a-z0-9][a-z0-9._-]*$/.test(name))
      throw usage(`--start ${name} is no name of an engine`);
  }
  return names;
}

function readCore(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw usage(`--core ${text} is no number of a processor`);
}

function readPassword(
  variable: string | undefined,
  environment: Terminal["environment"],
): string | undefined {
  if (variable === undefined) return undefined;
  const password = environment[variable];
  if (password !== undefined && password !== "") return password;
  throw usage(`--password-env ${variable}: that variable is not set`);
}

async function readTls(
  options: OptionValues<typeof TARGET_OPTIONS>,
  { workingDirectory }: Terminal,
): Promise<TlsOptions | undefined> {
  const read = async (path: string | undefined): Promise<string | undefined> => {
    if (path === undefined) return undefined;
    try {
      return await readFile(resolve(workingDirectory, path), "utf8");
    } catch (cause) {
      throw new KurobeError("KRB_CLI_FILE", `${path} cannot be read`, { cause });
    }
  };
  const [ca, cert, key] = await Promise.all([
    read(options.ca),
    read(options.cert),
    read(options.key),
  ]);
  const isWanted = [ca, cert, key, options.sni].some((each) => each !== undefined);
  if (!isWanted && !options.tls && !options.insecure) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(options.sni === undefined ? {} : { serverName: options.sni }),
    ...(options.insecure ? { isInsecure: true } : {}),
  };
}
