/** How client commands find their server: one set of options for all of them. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { KurobeError } from "../core/errors.ts";
import { readSettings } from "../platform/settings.ts";
import { type Client, openClient } from "./client.ts";
import { type OptionSpecs, type OptionValues } from "./command.ts";
import { type Terminal } from "./terminal.ts";

export const CLIENT_OPTIONS = {
  url: {
    kind: "text",
    value: "url",
    prose: "Address of the server.",
    defaultProse: "KUROBE_URL, else http://127.0.0.1:4186",
  },
  token: {
    kind: "text",
    value: "text",
    prose: "Token of the server.",
    defaultProse: "KUROBE_TOKEN, else the file `token` in the data directory",
  },
  data: {
    kind: "text",
    value: "directory",
    prose: "Data directory whose token is used.",
    defaultProse: "KUROBE_DATA, else ./.kurobe",
  },
} as const satisfies OptionSpecs;

export async function clientFor(
  options: OptionValues<typeof CLIENT_OPTIONS>,
  terminal: Terminal,
): Promise<Client> {
  const { data, token: written } = options;
  const { environment, workingDirectory } = terminal;
  const settings = readSettings({ flags: { data, token: written }, environment });
  const url = checkUrl(options.url ?? environment["KUROBE_URL"] ?? localUrl(settings));
  const directory = resolve(workingDirectory, settings.dataDirectory);
  const token = settings.token ?? (await readToken(directory));
  return openClient({ url, token, signal: terminal.signal });
}

/** A server that listens everywhere is asked on loopback. */
function localUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = ["0.0.0.0", "::", ""].includes(host) ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ["http:", "https:"].includes(url.protocol)) {
    return url.href.replace(/\/+$/, "");
  }
  throw new KurobeError("KRB_CLI_USAGE", `${JSON.stringify(text)} is no address of a server`, {
    hint: "Write it like http://127.0.0.1:4186.",
  });
}

/** Without a file the server may still be open to all; if it is not, it says so. */
async function readToken(directory: string): Promise<string | null> {
  try {
    const text = await readFile(join(directory, "token"), "utf8");
    return text.trim() === "" ? null : text.trim();
  } catch {
    return null;
  }
}
