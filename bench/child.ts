/** Work in a process of its own: prepared first, started on a word, answered once. */
import { fork } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "./workspace.ts";

type ToChild = { readonly kind: "prepare"; readonly task: unknown } | { readonly kind: "go" };
type FromChild =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: unknown }
  | { readonly kind: "failed"; readonly reason: string };

export interface Child<R> extends Disposable {
  readonly pid: number;
  /** Resolves when the work is done. Once. */
  go(): Promise<R>;
}

/** Starts `bench/<file>` with a task and resolves when it has prepared itself. */
export async function startChild<R>(file: string, task: unknown): Promise<Child<R>> {
  const child = fork(join(REPOSITORY, "bench", file), {
    cwd: REPOSITORY,
    execArgv: ["--import", "tsx", "--max-old-space-size=4096"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const next = (): Promise<FromChild> =>
    new Promise((resolve, reject) => {
      child.once("message", (message) => resolve(message as FromChild));
      child.once("exit", (code, signal) => reject(new Error(`${file} ended: ${signal ?? code}`)));
    });
  const say = (message: ToChild): boolean => child.send(message);
  const expect = async (kind: "ready" | "done"): Promise<FromChild> => {
    const message = await next();
    if (message.kind === "failed") throw new Error(`${file}: ${message.reason}`);
    if (message.kind !== kind) throw new Error(`${file} said ${message.kind}, not ${kind}`);
    return message;
  };
  say({ kind: "prepare", task });
  await expect("ready");
  return {
    pid: child.pid ?? 0,
    async go() {
      say({ kind: "go" });
      const message = await expect("done");
      return (message.kind === "done" ? message.result : undefined) as R;
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

/** The other side: `prepare` gets the task and gives what is to be run and timed. */
// T says what `fork` was given on the other side.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function serveParent<T, R>(prepare: (task: T) => Promise<() => Promise<R>>): void {
  const tell = (message: FromChild): void => void process.send?.(message);
  const fail = (error: unknown): void => {
    tell({
      kind: "failed",
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  };
  let run: (() => Promise<R>) | undefined;
  process.on("disconnect", () => process.exit(0));
  process.on("message", (message: ToChild) => {
    if (message.kind === "prepare") {
      prepare(message.task as T).then((prepared) => {
        run = prepared;
        tell({ kind: "ready" });
      }, fail);
      return;
    }
    run?.().then((result) => tell({ kind: "done", result }), fail);
  });
}
