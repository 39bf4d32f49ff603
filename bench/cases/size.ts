/**
 * Estimate. Sorted by symbol and time, a synthetic tick's columns come down to: time differences
 * about 20 bits, price within a few units 12 bits, quantity 9 bits, symbol almost nothing; 6 bytes
 * a row. Real flights have few different values in every column: 4 to 5 bytes. The same text
 * through gzip keeps 20 to 30 %, through xz 15 to 20 %, and neither can be queried.
 */
import { execFile } from "node:child_process";
import { createWriteStream, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { feedBodies } from "../../examples/flights/feed.ts";
import { type BenchCase, type Context, type Figure, type Series } from "../case.ts";
import { figure, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { sendBodies } from "../load/load.ts";
import { tickBodies, type Bodies } from "../ticks.ts";
import { untilChunksRest } from "./query.ts";

const execute = promisify(execFile);

export const size: BenchCase = {
  name: "size",
  title: "Bytes on disk",
  estimate: "About 6 bytes a synthetic tick and 4 to 5 a real flight, against 81 and 97 of NDJSON.",
  method:
    "Chunks of the dataset after a checkpoint and merging, beside the same rows as NDJSON, gzip -6 and " +
    "xz -6 of it in the order in which they came. Ticks are synthetic and random, flights are real.",
  run: runSize,
};

async function runSize(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const ticks = await tickBodies(workspace.bodies, "ndjson", { bodies: settings.isQuick ? 4 : 20 });
  const flights = await flightBodies(
    workspace.directory("flights"),
    settings.isQuick ? 200_000 : undefined,
  );
  const figures: Figure[] = [];
  for (const [what, bodies] of [
    [`${ticks.rows} synthetic ticks`, ticks],
    [`${flights.rows} real flights`, flights],
  ] as const) {
    context.progress(what);
    const stored = await bytesStored(context, bodies);
    const packed = await compress(workspace.directory("packed"), bodies);
    const perRow = (name: string, bytes: number): Series => series(name, [bytes / bodies.rows]);
    figures.push(
      figure(what, "bytes a row", perRow("Kurobe", stored), {
        beside: [
          perRow("NDJSON", bodies.bytes),
          perRow("gzip", packed.gzip),
          perRow("xz", packed.xz),
        ],
      }),
    );
  }
  return figures;
}

async function bytesStored(context: Context, bodies: Bodies): Promise<number> {
  const data = context.workspace.directory("size");
  const isFlights = bodies.files[0]?.includes("flights") === true;
  await using server = await KurobeServer.start({
    project: isFlights ? "flights" : "ticks-plain",
    data,
  });
  await sendBodies(server, bodies);
  await server.checkpoint();
  await untilChunksRest(server);
  const name = isFlights ? "flights" : "ticks";
  const { datasets } = await server.status();
  return datasets.find((dataset) => dataset.name === name)?.chunkBytes ?? Number.NaN;
}

async function flightBodies(directory: string, rows: number | undefined): Promise<Bodies> {
  const files: string[] = [];
  let total = 0;
  let bytes = 0;
  for await (const { body, rows: count } of feedBodies({ rows })) {
    const file = join(directory, `${String(files.length).padStart(4, "0")}.ndjson`);
    await writeFile(file, body);
    files.push(file);
    total += count;
    bytes += body.length;
  }
  return { format: "ndjson", files, rows: total, bytes };
}

async function compress(
  directory: string,
  bodies: Bodies,
): Promise<{ readonly gzip: number; readonly xz: number }> {
  const whole = join(directory, "rows.ndjson");
  const stream = createWriteStream(whole);
  for (const file of bodies.files) stream.write(await readFile(file));
  await new Promise<void>((resolve) => stream.end(resolve));
  await execute("gzip", ["-6", "--keep", whole]);
  await execute("xz", ["-6", "--keep", "-T2", whole]);
  return { gzip: statSync(`${whole}.gz`).size, xz: statSync(`${whole}.xz`).size };
}
