/** Undoes one content encoding of a body while it comes in, within bounds. */
import { type Transform } from "node:stream";
import * as zlib from "node:zlib";
import { KurobeError } from "../core/errors.ts";

const PIECE = { chunkSize: 64 * 1024 };

type Open = () => Transform;

/** Zstandard came with Node 22.15 and 23.8. */
const zstd = (zlib as { createZstdDecompress?: (options: typeof PIECE) => Transform })
  .createZstdDecompress;

const DECODERS: ReadonlyMap<string, Open> = new Map<string, Open>([
  ["gzip", () => zlib.createGunzip(PIECE)],
  ["x-gzip", () => zlib.createGunzip(PIECE)],
  ["deflate", () => zlib.createInflate(PIECE)],
  ["br", () => zlib.createBrotliDecompress(PIECE)],
  ...(zstd === undefined ? [] : [["zstd", () => zstd(PIECE)] as const]),
]);

export const CONTENT_ENCODINGS: readonly string[] = [...DECODERS.keys()].filter(
  (name) => name !== "x-gzip",
);

/** Undefined where the body is sent as it is. Throws KRB_SERVE_ENCODING with what is supported. */
export function decoderOf(contentEncoding: string | undefined): Open | undefined {
  const name = (contentEncoding ?? "").trim().toLowerCase();
  if (name === "" || name === "identity") return undefined;
  const open = DECODERS.get(name);
  if (open !== undefined) return open;
  const isChain = name.includes(",");
  throw new KurobeError(
    "KRB_SERVE_ENCODING",
    isChain
      ? "a body may have one content encoding"
      : `the content encoding ${JSON.stringify(name.slice(0, 40))} is not read`,
    { details: { supported: CONTENT_ENCODINGS } },
  );
}
