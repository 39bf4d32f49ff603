/** One connection's bytes: TCP, TLS or unix socket, read into one buffer that is used again. */
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { KurobeError } from "../../core/errors.ts";
import { type Address, showAddress, type TlsOptions } from "../target/target.ts";

const READ_BYTES = 64 * 1024;
/**
 * All connections of a thread read into one buffer, which stays in the processor's cache: what was
 * read is used up before the next read begins. Windows alone reads ahead into it.
 */
const sharedBytes = process.platform === "win32" ? undefined : Buffer.allocUnsafeSlow(READ_BYTES);

export interface SocketHandlers {
  /** The first `length` bytes are new; the next read, of any connection, overwrites them. */
  bytes(buffer: Uint8Array, length: number): void;
  /** Once, after the socket had been open. */
  closed(error: Error | undefined): void;
}

export interface SocketPlace {
  readonly address: Address;
  readonly tls?: TlsOptions;
}

/**
 * Resolves when bytes can be sent. Rejects with KRB_BENCH_UNREACHABLE, whose cause has the code of
 * the system.
 */
export async function openSocket(
  { address, tls }: SocketPlace,
  handlers: SocketHandlers,
  timeoutMs: number,
): Promise<Socket> {
  const onread = {
    buffer: sharedBytes ?? Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (length: number, buffer: Uint8Array): boolean => {
      handlers.bytes(buffer, length);
      return true;
    },
  };
  const place: NetConnectOpts =
    address.kind === "unix"
      ? { path: address.path, onread }
      : { host: address.host, port: address.port, noDelay: true, keepAlive: true, onread };
  const socket = tls === undefined ? connect(place) : connectTls({ ...place, ...tlsOptions(tls) });
  return await new Promise((resolve, reject) => {
    let failure: Error | undefined;
    let isOpen = false;
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      isOpen = true;
      resolve(socket);
    });
    socket.on("error", (error) => (failure = error));
    socket.once("close", () => {
      clearTimeout(timer);
      if (isOpen) handlers.closed(failure);
      else reject(unreachable(address, failure));
    });
  });
}

function tlsOptions(tls: TlsOptions): object {
  const { ca, cert, key, serverName, isInsecure } = tls;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(isInsecure === true ? { rejectUnauthorized: false } : {}),
  };
}

function unreachable(address: Address, cause: Error | undefined): KurobeError {
  // A host with several addresses fails with all of them at once, and no text of its own.
  const inner = cause instanceof AggregateError ? (cause.errors[0] as Error) : cause;
  const why = inner?.message ?? "it closed the connection";
  return new KurobeError("KRB_BENCH_UNREACHABLE", `${showAddress(address)}: ${why}`, { cause });
}
