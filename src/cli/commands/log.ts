/** `kurobe log`: check a log that lies still, and set aside what is damaged. */
import { join, resolve } from "node:path";
import { defineCommand } from "../command.ts";
import { showBytes, showCount } from "../figures.ts";

const DATA_OPTION = {
  data: {
    kind: "text",
    value: "directory",
    prose: "The data directory.",
    defaultProse: "./.kurobe",
  },
} as const;

/** The engine must not run meanwhile: both commands take the data directory's lock. */
async function openStill(terminalDirectory: string, data: string | undefined) {
  const { nodeDisk } = await import("../../core/node-disk.ts");
  const { lockDirectory } = await import("../../log/directory-lock.ts");
  const { logDirectory } = await import("../../log/log.ts");
  const directory = resolve(terminalDirectory, data ?? "./.kurobe");
  const lock = await lockDirectory(join(directory, "lock"), { disk: nodeDisk });
  return { directory, log: logDirectory(directory), disk: nodeDisk, lock };
}

export const logVerify = defineCommand({
  name: "log verify",
  summary: "Check every entry of a log whose engine is stopped",
  description: ["Reads all segments and their checksums. Changes nothing."],
  options: DATA_OPTION,
  examples: [{ prose: "Is the log whole?", line: "kurobe log verify" }],
  run: async ({ options, output, terminal }) => {
    const { log, disk, lock } = await openStill(terminal.workingDirectory, options.data);
    await using held = lock;
    void held;
    const { verifyLog } = await import("../../log/verify.ts");
    const found = await verifyLog(log, { disk });
    output.json(found);
    for (const damage of found.damages) {
      output.line(`${damage.path}, byte ${damage.offset}: ${damage.reason}`);
    }
    const size = showBytes(found.sizeBytes);
    output.line(`${showCount(found.entries)} entries in ${found.segments} segments, ${size}`);
    if (found.damages.length > 0) {
      const { KurobeError } = await import("../../core/errors.ts");
      throw new KurobeError(
        "KRB_CLI_DAMAGE",
        `the log is damaged in ${found.damages.length} places`,
        {
          hint: "Set the damaged parts aside with `kurobe log repair`.",
        },
      );
    }
  },
});

export const logRepair = defineCommand({
  name: "log repair",
  summary: "Set the damaged parts of a log aside and say what is lost",
  description: [
    "Moves what cannot be read to log/damaged/ and deletes nothing. Entries that a checkpoint holds are not lost " +
      "with their segment.",
  ],
  options: DATA_OPTION,
  examples: [{ prose: "After KRB_LOG_DAMAGED", line: "kurobe log repair" }],
  run: async ({ options, output, terminal }) => {
    const { directory, log, disk, lock } = await openStill(terminal.workingDirectory, options.data);
    await using held = lock;
    void held;
    const { repairLog } = await import("../../log/repair.ts");
    const { openCheckpoint } = await import("../../engine/checkpoint-store.ts");
    const { manifest } = await openCheckpoint(disk, directory);
    const required =
      manifest === null
        ? {}
        : { required: { logId: manifest.logId, nextPosition: manifest.position + 1 } };
    const repaired = await repairLog(log, { disk, ...required });
    output.json(repaired);
    if (repaired.damages.length === 0) output.line("Nothing is damaged.");
    for (const damage of repaired.damages) {
      output.line(`${damage.path}, byte ${damage.offset}: ${damage.reason}`);
    }
    for (const path of repaired.setAside) output.line(`set aside: ${path}`);
    for (const { first, last } of repaired.lost) output.line(`lost: entries ${first} to ${last}`);
    output.line(`The log goes on at position ${repaired.nextPosition}.`);
  },
});
