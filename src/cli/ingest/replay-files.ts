/** A replay around the files that are sent: each of them is a producer, and at the end it ends. */
import { basename } from "node:path";
import { KurobeError } from "../../core/errors.ts";
import { type Client } from "../client.ts";
import { showCount, showMany, showTime } from "../figures.ts";
import { type Output } from "../output.ts";
import { readSteps } from "../read-steps.ts";
import { type InputFile } from "./input-file.ts";

/** What the server says of a replay. */
export interface ReplayState {
  readonly dataset: string;
  readonly name: string;
  readonly state: "running" | "ending" | "done";
  readonly rows: number;
  readonly watermark: string | null;
  readonly producers: readonly {
    readonly name: string;
    readonly newest: string | null;
    readonly isDone: boolean;
  }[];
  /** Windows that are not computed yet: where the first one starts. */
  readonly waiting: { readonly from: string; readonly to: string } | null;
  readonly changed: {
    readonly added: number;
    readonly corrected: number;
    readonly takenBack: number;
    readonly replayed: number;
  };
  readonly problem: string | null;
}

export interface FileReplay {
  readonly dataset: string;
  readonly name: string;
  /** One for each file, in order. */
  readonly producers: readonly string[];
}

const MAX_NAME = 128;

/** The same files give the same name, so that a run which broke off goes on. */
export async function beginReplay(
  client: Client,
  dataset: string,
  files: readonly InputFile[],
  { key, producer }: { readonly key: string | undefined; readonly producer: string | undefined },
): Promise<FileReplay> {
  const first = files[0]?.path ?? "-";
  const name = plain(key ?? (first === "-" ? "stdin" : basename(first)));
  const producers = files.map(({ path }) =>
    files.length === 1 ? plain(producer ?? name) : plain(path),
  );
  const replay = { dataset, name, producers };
  await client.json("PUT", pathOf(replay), {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ producers }),
  });
  return replay;
}

/** It holds the others back no longer. */
export async function finishProducer(
  client: Client,
  replay: FileReplay,
  producer: string,
): Promise<void> {
  await lastStep(await tellEnd(client, replay, { producer }), () => undefined);
}

/** Waits for all windows of the past to be computed. */
export async function endReplay(
  client: Client,
  replay: FileReplay,
  output: Output,
): Promise<ReplayState> {
  using progress = output.progress("Computing windows");
  let count = 0;
  return await lastStep(await tellEnd(client, replay, {}), ({ waiting, changed }) => {
    const where = waiting === null ? "" : `from ${showTime(waiting.from)}, `;
    const results = showMany(changed.added + changed.corrected, "result");
    progress.update({ done: count++, text: `${where}${results} changed` });
  });
}

function tellEnd(client: Client, replay: FileReplay, body: object): Promise<Response> {
  return client.send("POST", `${pathOf(replay)}/end`, {
    headers: { accept: "application/x-ndjson", "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function lastStep(
  response: Response,
  onStep: (step: ReplayState) => void,
): Promise<ReplayState> {
  let last: ReplayState | undefined;
  for await (const step of readSteps<ReplayState>(response)) {
    onStep(step);
    last = step;
  }
  if (last !== undefined) return last;
  throw new KurobeError("KRB_CLI_ANSWER", "The server said nothing of the replay");
}

export function changesText({ name, changed, waiting, state }: ReplayState): string {
  const { added, corrected, takenBack } = changed;
  const done =
    `replay ${name}: ${showMany(added, "result")} added, ${showCount(corrected)} corrected, ` +
    `${showCount(takenBack)} taken back`;
  if (state === "done" || waiting === null) return done;
  return `${done}; the rest waits for sessions that are still open, from ${showTime(waiting.from)}`;
}

function pathOf({ dataset, name }: Pick<FileReplay, "dataset" | "name">): string {
  return `/v1/datasets/${encodeURIComponent(dataset)}/replays/${encodeURIComponent(name)}`;
}

/** As a header can carry it. */
function plain(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/gu, "_").slice(-MAX_NAME);
}
