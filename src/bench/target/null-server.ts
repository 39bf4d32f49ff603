/**
 * A server that does nothing but answer, in a process of its own: what the load reaches against it
 * is the most that this client can do on this machine.
 */
import { loadingScript } from "../own-code.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** `command` puts the process under another one: `["taskset", "-c", "0"]`. */
export async function startNullServer(
  valueBytes: number,
  command: readonly string[] = [],
): Promise<ServerProcess> {
  const script = loadingScript("null-server-process", import.meta.url);
  const words = ["-e", script, String(valueBytes)];
  return await startServerProcess({ name: "null server", words, command });
}
