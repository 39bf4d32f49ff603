/** Reads server-sent events as they arrive. */
import { chunksOf } from "./read-lines.ts";

export interface ServerEvent {
  readonly id: string;
  /** Empty for an id alone, with which a stream begins. */
  readonly kind: string;
  readonly data: string;
}

/**
 * The events of a stream in the groups in which they arrive. Throws KRB_CLI_ANSWER where the
 * connection breaks off.
 */
export async function* readEvents(response: Response): AsyncGenerator<readonly ServerEvent[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunksOf(response)) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    const events = blocks.map(eventOf).filter(({ id }) => id !== "");
    if (events.length > 0) yield events;
  }
}

function eventOf(block: string): ServerEvent {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const field = (name: string): string => fields.get(name) ?? "";
  return { id: field("id"), kind: field("event"), data: field("data") };
}
