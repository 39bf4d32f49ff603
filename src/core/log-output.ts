/** Structured logs on stderr: a line of JSON each, or a readable one where a person is watching. */
import { type DestinationStream, type Logger, pino, stdSerializers } from "pino";
import { isKurobeError } from "./errors.ts";

export interface LogSink {
  readonly isTTY?: boolean;
  write(line: string): unknown;
}

/** Fields that carry secrets, wherever requests are logged. */
const SECRETS = [
  "token",
  "*.token",
  "headers.authorization",
  "req.headers.authorization",
  "headers.cookie",
  "req.headers.cookie",
];

/** `level` is one of pino's names. Messages are constant; what differs is in the fields. */
export function createLog(level: string, sink: LogSink = process.stderr): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: SECRETS, censor: "[secret]" },
  };
  return pino(
    options,
    sink.isTTY === true ? readable(sink) : { write: (line) => sink.write(line) },
  );
}

/** A coded error's own fields, and its stack only where it is a bug. */
function describeError(error: unknown): unknown {
  if (!isKurobeError(error)) {
    return error instanceof Error ? stdSerializers.err(error) : { message: show(error) };
  }
  const { code, message, hint, details, stack, cause } = error;
  return {
    code,
    message,
    hint,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? cause.message : show(cause) }),
    ...(error.entry.domain === "internal" ? { stack } : {}),
  };
}

/** `12:30:01.250 warn  the disk is slow  waitedMs=2100` */
function readable(sink: LogSink): DestinationStream {
  return {
    write(line: string): void {
      const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const clock = typeof time === "string" ? time.slice(11, 23) : "";
      const rest = Object.entries(fields).map(([name, value]) => `  ${name}=${show(value)}`);
      sink.write(
        `${clock} ${String(level).padEnd(5)} ${typeof msg === "string" ? msg : ""}${rest.join("")}\n`,
      );
    },
  };
}

function show(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(value);
}
