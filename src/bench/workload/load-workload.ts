/** Reads a workload from a file: YAML, JSON, or TypeScript that exports one as default. */
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { KurobeError } from "../../core/errors.ts";
import { type Mistake, type ReadWorkload, readWorkload, type SpecPath } from "./read-workload.ts";

const MODULES: readonly string[] = [".ts", ".mts", ".js", ".mjs"];
const TEXTS: readonly string[] = [".yaml", ".yml", ".json"];

/** `12:5` of what a path leads to, or of the nearest thing around it. */
type PlaceOf = (path: SpecPath) => string;

interface Written {
  readonly value: unknown;
  readonly placeOf: PlaceOf | undefined;
}

/**
 * `prefix` goes in front of all keys. Throws KRB_BENCH_WORKLOAD_FILE for a file that cannot be
 * read, and KRB_BENCH_WORKLOAD with every mistake and its place.
 */
export async function loadWorkload(path: string, prefix: string): Promise<ReadWorkload> {
  const ending = extname(path);
  const written = MODULES.includes(ending) ? await readModule(path) : await readText(path, ending);
  const read = readWorkload(written.value, basename(path, ending), prefix);
  if (read.mistakes === null) return read;
  throw mistaken(path, read.mistakes, written.placeOf);
}

async function readModule(path: string): Promise<Written> {
  const { loadModule } = await import("../../project/load-module.ts");
  const { value } = await loadModule(path);
  return { value, placeOf: undefined };
}

async function readText(path: string, ending: string): Promise<Written> {
  if (!TEXTS.includes(ending)) {
    throw new KurobeError("KRB_BENCH_WORKLOAD_FILE", `${path} is no workload file`, {
      hint: `It has to end in one of ${[...TEXTS, ...MODULES].join(", ")}.`,
    });
  }
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${path} cannot be read: ${reason}`;
    throw new KurobeError("KRB_BENCH_WORKLOAD_FILE", message, { cause });
  }
  const { isNode, isMap, isPair, isScalar, LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const show = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const found = document.errors.map(
      ({ message, pos }) => `  ${path}:${show(pos[0])}: ${message}`,
    );
    throw new KurobeError("KRB_BENCH_WORKLOAD", `${path} is no YAML:\n${found.join("\n")}`);
  }
  const placeOf: PlaceOf = (steps) => {
    for (let length = steps.length; length > 0; length--) {
      const parent = document.getIn(steps.slice(0, length - 1), true);
      const last = steps[length - 1];
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))
        : undefined;
      const node = isPair(pair) ? pair.key : document.getIn(steps.slice(0, length), true);
      if (isNode(node) && Array.isArray(node.range)) return show(node.range[0]);
    }
    return "1:1";
  };
  return { value: document.toJS(), placeOf };
}

function mistaken(
  path: string,
  mistakes: readonly Mistake[],
  placeOf: PlaceOf | undefined,
): KurobeError {
  const problems = mistakes.map(({ path: steps, text }) => ({
    place: placeOf === undefined ? path : `${path}:${placeOf(steps)}`,
    path: steps.join("."),
    text,
  }));
  const lines = problems.map(
    ({ place, path: at, text }) => `  ${place}: ${at === "" ? "the workload" : at}: ${text}`,
  );
  const count = problems.length === 1 ? "a mistake" : `${problems.length} mistakes`;
  return new KurobeError("KRB_BENCH_WORKLOAD", `The workload has ${count}:\n${lines.join("\n")}`, {
    details: { problems },
  });
}
