/** Reads an answer line by line as it arrives. */
import { cutShort } from "./client.ts";

/** JSON values, one a line. Throws KRB_CLI_ANSWER where the connection breaks off. */
export async function* readJsonLines(response: Response): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunksOf(response)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as unknown;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as unknown;
}

/** The bytes of an answer, with a broken connection as a coded error. */
export async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  try {
    for await (const chunk of response.body) yield chunk as Uint8Array;
  } catch (error) {
    throw cutShort(error);
  }
}
