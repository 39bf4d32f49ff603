/** Loads the client of a receiver: such packages are installed by those who use them. */
import { KurobeError } from "../core/errors.ts";

/** `load` imports the package; KRB_SINKS_CLIENT says how to get it where it is missing. */
export async function loadClient<T>(
  sink: string,
  packageName: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new KurobeError(
      "KRB_SINKS_CLIENT",
      `sink ${sink} needs the package ${packageName}, which is not installed`,
      { hint: `Run \`npm install ${packageName}\` in the project's folder.`, cause },
    );
  }
}
