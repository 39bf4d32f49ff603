/** Real servers that sinks deliver to, fetched by `scripts/install-receivers.sh` when needed. */
import { type ChildProcess, execFileSync } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { ROOT } from "../source-files.ts";

const FOLDER = join(ROOT, "node_modules", ".cache", "kurobe-receivers");

/** The folder that the server was unpacked into. */
export function installed(name: "exim" | "influxdb" | "opensearch"): string {
  const script = join(ROOT, "scripts", "install-receivers.sh");
  execFileSync(script, [name], { stdio: "ignore" });
  return join(FOLDER, name);
}

/** Resolves once something listens at the port; fails when the server ended before. */
export async function answers(server: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
