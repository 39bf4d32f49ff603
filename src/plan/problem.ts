/** Mistakes in a project, gathered so that all of them are reported together. */

export interface Problem {
  /** Where: `windows.bars.measure.spread.minus[1]`. */
  readonly path: string;
  /** What is written there. */
  readonly found: string;
  /** What could be there. */
  readonly expected: string;
  /** How to write it. */
  readonly write: string;
}

/** Collects problems below a path; `at` goes one step down and shares the list. */
export class Problems {
  readonly list: Problem[];
  readonly path: string;

  constructor(path = "", list: Problem[] = []) {
    this.path = path;
    this.list = list;
  }

  at(step: string): Problems {
    const dotted = this.path === "" || step.startsWith("[") ? step : `.${step}`;
    return new Problems(this.path + dotted, this.list);
  }

  add(found: string, expected: string, write: string): undefined {
    this.list.push({ path: this.path, found, expected, write });
    return undefined;
  }

  /** Reports every key that is not in `known`, with the nearest one that is. */
  unknownKeys(value: object, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      this.at(key).add("an unknown key", `one of ${known.join(", ")}`, didYouMean(key, known));
    }
  }
}

/** What a value is, for messages, shortened. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return clip(JSON.stringify(value));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "a Date";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "symbol" ? "a symbol" : "an object";
}

function clip(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

/** `did you mean "price"?`, or the list of what there is. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  if (known.length === 0) return "there is nothing that it could name";
  const some = known.slice(0, 12).join(", ");
  return `choose from ${some}${known.length > 12 ? ", …" : ""}`;
}

/** The most similar name, if it is similar enough to be a slip. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's, with a swap of neighbours as one step; at least `limit` where it is not below. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 200) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const at = (list: readonly number[], index: number): number => list[index] ?? limit;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? limit;
}
