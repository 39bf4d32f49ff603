/** Every setting: what it is called, what may be written, what holds without it, and what for. */
import { DURATION_EXAMPLES, formatDuration } from "../core/duration.ts";
import { formatSize, SIZE_EXAMPLES } from "../core/size.ts";

/** What some defaults are computed from. */
export interface Machine {
  readonly memoryBytes: number;
  readonly cores: number;
}

interface Described {
  /** One sentence for help and docs. */
  readonly prose: string;
}

interface TextSetting extends Described {
  readonly kind: "text";
  readonly default: string;
}

/** Never printed, never in help's defaults. */
interface SecretSetting extends Described {
  readonly kind: "secret";
  readonly default: null;
}

/** A path, for what there is only when one is given. */
interface FileSetting extends Described {
  readonly kind: "file";
  readonly default: null;
}

/** Written with commas in between. */
interface ListSetting extends Described {
  readonly kind: "list";
  /** What one entry looks like. */
  readonly pattern: RegExp;
  readonly example: string;
  readonly default: readonly string[];
}

interface SwitchSetting extends Described {
  readonly kind: "switch";
  readonly default: false;
}

interface ChoiceSetting extends Described {
  readonly kind: "choice";
  readonly choices: readonly string[];
  readonly default: string;
}

interface NumberSetting extends Described {
  /** `size` is in bytes, `duration` in milliseconds. */
  readonly kind: "count" | "size" | "duration";
  readonly min: number;
  readonly max: number;
  readonly default: number | ((machine: Machine) => number);
  /** For help and docs, where the default depends on the machine. */
  readonly defaultProse?: string;
}

export type SettingSpec =
  | TextSetting
  | SecretSetting
  | FileSetting
  | ListSetting
  | SwitchSetting
  | ChoiceSetting
  | NumberSetting;

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND_MS = 1000;
const DAY_MS = 86_400 * SECOND_MS;

/** Keys are the names in code; a flag and a variable follow from `NAMES` below. */
export const SETTINGS = {
  dataDirectory: {
    kind: "text",
    default: "./.kurobe",
    prose: "Directory of everything durable: log, chunks, manifests.",
  },
  host: {
    kind: "text",
    default: "127.0.0.1",
    prose: "Address that HTTP listens on; others than loopback need TLS, or --insecure.",
  },
  port: {
    kind: "count",
    min: 0,
    max: 65_535,
    default: 4186,
    prose: "Port of HTTP; 0 picks a free one.",
  },
  token: {
    kind: "secret",
    default: null,
    prose:
      "Bearer token that requests must carry; without it, one is made and kept in the data directory.",
  },
  tlsCertificate: {
    kind: "file",
    default: null,
    prose: "PEM file of the certificate (with its chain): HTTPS instead of HTTP. Needs --tls-key.",
  },
  tlsKey: {
    kind: "file",
    default: null,
    prose: "PEM file of the certificate's private key.",
  },
  allowedHosts: {
    kind: "list",
    pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i,
    example: "data.example.com,kurobe",
    default: [],
    prose: "Names besides localhost and IP addresses by which clients may call this server.",
  },
  allowedOrigins: {
    kind: "list",
    pattern: /^https?:\/\/[a-z0-9.:[\]-]+$/i,
    example: "https://console.example.com",
    default: [],
    prose: "Origins whose pages may read answers in a browser.",
  },
  allowInsecure: {
    kind: "switch",
    default: false,
    prose: "Allows an address beyond loopback although HTTP is not encrypted.",
  },
  memoryLimitBytes: {
    kind: "size",
    min: 256 * MIB,
    max: 16_384 * GIB,
    default: ({ memoryBytes }) => within(wholeMib(memoryBytes / 4), 256 * MIB, 4 * GIB),
    defaultProse: "a quarter of the machine's memory, from 256MiB to 4GiB",
    prose: "Memory that rows not yet in chunks, sorts and queries may take together.",
  },
  memoryTableBytes: {
    kind: "size",
    min: 16 * MIB,
    max: 4096 * GIB,
    default: ({ memoryBytes }) => within(wholeMib(memoryBytes / 16), 64 * MIB, 256 * MIB),
    defaultProse: "a sixteenth of the machine's memory, from 64MiB to 256MiB",
    prose: "A checkpoint starts early when the rows in memory take this much.",
  },
  threads: {
    kind: "count",
    min: 1,
    max: 1024,
    default: ({ cores }) => cores,
    defaultProse: "one a core",
    prose: "Threads that DuckDB uses.",
  },
  checkpointIntervalMs: {
    kind: "duration",
    min: SECOND_MS,
    max: DAY_MS,
    default: 30 * SECOND_MS,
    prose: "Time between two checkpoints; a restart replays what came after the last one.",
  },
  logSegmentBytes: {
    kind: "size",
    min: MIB,
    max: 4 * GIB,
    default: 64 * MIB,
    prose: "Size at which the log begins a new segment file.",
  },
  maxBodyBytes: {
    kind: "size",
    min: KIB,
    max: GIB,
    default: 256 * MIB,
    prose: "Largest request body, after decompression.",
  },
  maxPendingBytes: {
    kind: "size",
    min: MIB,
    max: 64 * GIB,
    default: 512 * MIB,
    prose: "Bodies that may be accepted and not yet applied, together; beyond it HTTP answers 429.",
  },
  maxLineBytes: {
    kind: "size",
    min: KIB,
    max: 256 * MIB,
    default: MIB,
    prose: "Longest line of an NDJSON or CSV body; longer ones become dead letters.",
  },
  queryTimeoutMs: {
    kind: "duration",
    min: 10,
    max: DAY_MS,
    default: 30 * SECOND_MS,
    prose: "Time that one query may take.",
  },
  maxQueryRows: {
    kind: "count",
    min: 1,
    max: 10_000_000_000,
    default: 10_000_000,
    prose: "Rows that one query may return.",
  },
  queryConcurrency: {
    kind: "count",
    min: 1,
    max: 64,
    default: 4,
    prose: "Queries that run at once; others wait.",
  },
  logLevel: {
    kind: "choice",
    choices: ["trace", "debug", "info", "warn", "error", "silent"],
    default: "info",
    prose: "Least severe of the messages written to stderr.",
  },
} as const satisfies Record<string, SettingSpec>;

export type SettingName = keyof typeof SETTINGS;

interface ValueOfKind {
  readonly text: string;
  readonly secret: string | null;
  readonly file: string | null;
  readonly list: readonly string[];
  readonly switch: boolean;
  readonly choice: string;
  readonly count: number;
  readonly size: number;
  readonly duration: number;
}

export type Settings = {
  readonly [K in SettingName]: ValueOfKind[(typeof SETTINGS)[K]["kind"]];
};

/**
 * What flags and variables call a setting: without the unit, which a written value carries itself.
 */
const NAMES: Readonly<Record<SettingName, string>> = {
  dataDirectory: "data",
  host: "host",
  port: "port",
  token: "token",
  tlsCertificate: "tls-cert",
  tlsKey: "tls-key",
  allowedHosts: "allow-host",
  allowedOrigins: "allow-origin",
  allowInsecure: "insecure",
  memoryLimitBytes: "memory",
  memoryTableBytes: "memory-tables",
  threads: "threads",
  checkpointIntervalMs: "checkpoint-every",
  logSegmentBytes: "log-segment",
  maxBodyBytes: "max-body",
  maxPendingBytes: "max-pending",
  maxLineBytes: "max-line",
  queryTimeoutMs: "query-timeout",
  maxQueryRows: "query-rows",
  queryConcurrency: "query-concurrency",
  logLevel: "log-level",
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

export const PREFIX = "KUROBE_";

/** Without the leading dashes. */
export function flagOf(name: SettingName): string {
  return NAMES[name];
}

export function variableOf(name: SettingName): string {
  return PREFIX + NAMES[name].replaceAll("-", "_").toUpperCase();
}

/** For help and docs: the same text on every machine. */
export function defaultText(name: SettingName): string {
  const spec: SettingSpec = SETTINGS[name];
  if (spec.kind === "secret") return "made at the first start";
  if (spec.kind === "switch") return "off";
  if (spec.kind === "file" || spec.kind === "list") return "none";
  if (spec.kind === "text" || spec.kind === "choice") return spec.default;
  if (spec.defaultProse !== undefined) return spec.defaultProse;
  return typeof spec.default === "number" ? formatNumber(spec.kind, spec.default) : "";
}

/** What may be written: `a size such as …, from 1KiB to 1GiB`. */
export function expectedText(name: SettingName): string {
  const spec: SettingSpec = SETTINGS[name];
  switch (spec.kind) {
    case "text":
    case "secret":
      return "text that is not empty";
    case "file":
      return "the path of a file";
    case "list":
      return `a list such as ${spec.example}`;
    case "switch":
      return "true or false";
    case "choice":
      return `one of ${spec.choices.join(", ")}`;
    case "count":
    case "size":
    case "duration":
      return `${WHAT[spec.kind]}, from ${formatNumber(spec.kind, spec.min)} to ${formatNumber(spec.kind, spec.max)}`;
  }
}

const WHAT = {
  count: "a whole number",
  size: `a size such as ${SIZE_EXAMPLES}`,
  duration: `a duration such as ${DURATION_EXAMPLES}`,
} as const;

function formatNumber(kind: NumberSetting["kind"], value: number): string {
  if (kind === "size") return formatSize(value);
  return kind === "duration" ? formatDuration(value * 1000) : String(value);
}

function within(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

function wholeMib(bytes: number): number {
  return Math.floor(bytes / MIB) * MIB;
}
