/** `kurobe verify`: is every durable file still what it was when it was written? */
import { KurobeError } from "../../core/errors.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showBytes, showMany } from "../figures.ts";
import { readSteps } from "../read-steps.ts";

interface VerifiedFile {
  readonly path: string;
  readonly bytes: number;
  readonly done: number;
  readonly total: number;
  readonly problem: string | null;
}

export const verify = defineCommand({
  name: "verify",
  summary: "Check every durable file: checkpoint, chunks and log",
  description: [
    "Reads every file that the last checkpoints name and compares its SHA-256, and every entry of the log with " +
      "its checksums. Nothing else notices most flipped bits before they are read as data. The engine goes on " +
      "meanwhile. Exit code 2 where a file is damaged or missing.",
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [
    { prose: "Once a week", line: "kurobe verify" },
    {
      prose: "The damaged files, for a script",
      line: "kurobe verify --json | jq '.damaged[].path'",
    },
  ],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const response = await client.send("POST", "/v1/verify", {
      headers: { accept: "application/x-ndjson" },
    });
    const damaged: VerifiedFile[] = [];
    let files = 0;
    let sizeBytes = 0;
    {
      using progress = output.progress("Verifying");
      for await (const step of readSteps<VerifiedFile>(response)) {
        files += 1;
        sizeBytes += step.bytes;
        if (step.problem !== null) damaged.push(step);
        progress.update({ done: step.done, total: step.total, text: showBytes(sizeBytes) });
      }
    }
    output.json({ files, bytes: sizeBytes, damaged });
    for (const { path, problem } of damaged) {
      output.line(`${output.paint.red("✗")} ${path}: ${problem}`);
    }
    if (damaged.length > 0) {
      throw new KurobeError(
        "KRB_CLI_DAMAGE",
        `${showMany(damaged.length, "file is", "files are")} damaged`,
        {
          details: { damaged },
        },
      );
    }
    output.line(
      `${output.paint.green("✓")} ${showMany(files, "file")}, ${showBytes(sizeBytes)}: all as written`,
    );
  },
});
