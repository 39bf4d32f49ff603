#!/usr/bin/env node
/** Words typed at a prompt become calls; one file a verb under `commands/`. */
import { runCli } from "./run-cli.ts";
import { processTerminal } from "./terminal.ts";

// A reader that goes away (`kurobe sql … | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 2);
});

process.exitCode = await runCli(process.argv.slice(2), processTerminal());
