/** Shows a page in the browser of whoever sits there. */
import { spawn } from "node:child_process";
import { type Output } from "../output.ts";

export const OPEN_OPTION = {
  kind: "switch",
  prose: "Show the report in the browser when it is written.",
} as const;

const COMMANDS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/** A machine without a browser is no failure: the page is there. */
export async function openPage(path: string, output: Output): Promise<void> {
  const [command, ...args] = COMMANDS[process.platform] ?? ["xdg-open"];
  const problem = await new Promise<string | undefined>((resolve) => {
    const child = spawn(command, [...args, path], { detached: true, stdio: "ignore" });
    child.once("error", ({ message }) => resolve(message));
    child.once("spawn", () => {
      child.unref();
      resolve(undefined);
    });
  });
  if (problem !== undefined) output.note(`The report cannot be shown here: ${problem}`);
}
