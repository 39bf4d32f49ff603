/** Bounds for the few functions whose cost lies in their arguments and that no interrupt stops. */
import { KurobeError } from "../core/errors.ts";
import { type SqlValue } from "../core/sql.ts";

/** A node of DuckDB's parse tree, as `json_serialize_sql` writes it. */
export type TreeNode = Readonly<Record<string, unknown>>;

/** The values of the statement's parameters, by their name in the tree (`1`, `2`, or a word). */
export type ParameterValues = ReadonlyMap<string, SqlValue>;

/** Elements or characters that one call may make. 500 million elements take 20 GB, limit or not. */
const MAX_SIZE = 10_000;
/** Of all such calls of a statement multiplied, because lambdas and subqueries nest them. */
const MAX_PRODUCT = 1_000_000;
/** Smaller sizes are padding and separators: they do not count. */
const FREE_SIZE = 64;
/** `'%a%a%ab'` on 2,000 characters takes seconds where DuckDB backtracks. */
const MAX_BACKTRACKING_WILDCARDS = 2;
const MAX_WILDCARDS = 32;

/** Which argument is the size. */
const SIZE_ARGUMENT: Readonly<Record<string, number>> = {
  repeat: 1,
  lpad: 1,
  rpad: 1,
  list_resize: 1,
  array_resize: 1,
  bitstring: 1,
};

const LIKE = new Set(["~~", "!~~"]);
const BACKTRACKING = new Set([
  "~~*",
  "!~~*",
  "~~~",
  "like_escape",
  "not_like_escape",
  "ilike_escape",
  "not_ilike_escape",
]);

/** Sums up one statement's bounded calls; throws at the one that is too much. */
export class Bounds {
  readonly #parameters: ParameterValues;
  #product = 1;

  constructor(parameters: ParameterValues) {
    this.#parameters = parameters;
  }

  /** `arguments_` are the parse tree's nodes of a call that is not in FROM. */
  check(name: string, arguments_: readonly TreeNode[]): void {
    const sizeAt = SIZE_ARGUMENT[name];
    if (sizeAt !== undefined) this.#size(name, this.#integer(arguments_[sizeAt]));
    else if (name === "range" || name === "generate_series") this.#range(name, arguments_);
    else if (LIKE.has(name) || BACKTRACKING.has(name)) this.#pattern(name, arguments_);
    else if (name === "format" || name === "printf") this.#format(name, arguments_[0]);
    else if (name.startsWith("json_") || name === "->" || name === "->>") {
      arguments_.slice(1).forEach((argument) => this.#jsonPath(argument));
    }
  }

  #size(name: string, size: number | undefined): void {
    if (size === undefined) {
      throw refused(`the size given to ${name} must be a whole number or a parameter`);
    }
    if (size > MAX_SIZE) throw refused(`${name} may make up to ${MAX_SIZE}, not ${size}`);
    if (size > FREE_SIZE) this.#product *= size;
    if (this.#product > MAX_PRODUCT) {
      throw refused(`the sizes of repeat, range and the like multiply to more than ${MAX_PRODUCT}`);
    }
  }

  #range(name: string, arguments_: readonly TreeNode[]): void {
    const bounds = arguments_.map((argument) => this.#integer(argument));
    if (bounds.includes(undefined)) {
      throw new KurobeError(
        "KRB_QUERY_NOT_ALLOWED",
        `the bounds of ${name} must be whole numbers or parameters inside of an expression`,
        { hint: `Write it in FROM, where rows come one by one: FROM ${name}(…) AS t(value).` },
      );
    }
    const [first = 0, second, step = 1] = bounds;
    const [from, to] = second === undefined ? [0, first] : [first, second];
    this.#size(name, step === 0 ? 0 : Math.max(0, Math.ceil((to - from) / step) + 1));
  }

  #pattern(name: string, arguments_: readonly TreeNode[]): void {
    const [, node] = arguments_;
    const pattern = this.#constant(node);
    if (pattern === null) return;
    if (typeof pattern !== "string") {
      throw new KurobeError(
        "KRB_QUERY_NOT_ALLOWED",
        "the pattern of LIKE, ILIKE or GLOB must be a constant or a parameter",
        { hint: "contains(text, part), starts_with and regexp_matches take columns." },
      );
    }
    const wildcards = pattern.match(name === "~~~" ? /\*+/g : /%+/g)?.length ?? 0;
    const isLinear = LIKE.has(name) && !pattern.includes("_") && node?.["class"] === "CONSTANT";
    const limit = isLinear ? MAX_WILDCARDS : MAX_BACKTRACKING_WILDCARDS;
    if (wildcards > limit) {
      throw new KurobeError(
        "KRB_QUERY_NOT_ALLOWED",
        `the pattern '${pattern.slice(0, 40)}' has ${wildcards} wildcards, ${limit} are allowed`,
        { hint: "Plain LIKE '%a%b%' without _ may have 32; regexp_matches any number." },
      );
    }
  }

  /** `{:>100000000}` and `%100000000d` make as much text. */
  #format(name: string, node: TreeNode | undefined): void {
    const pattern = this.#constant(node);
    if (pattern === null) return;
    const isRefused =
      typeof pattern !== "string" ||
      /\d{4,}/.test(pattern) ||
      (name === "printf" ? /%[^a-zA-Z]*\*/.test(pattern) : /\{[^}]*\{/.test(pattern));
    if (isRefused) throw refused(`${name} takes a constant pattern with widths up to 999`);
  }

  #jsonPath(node: TreeNode): void {
    const path = this.#constant(node);
    if (typeof path === "string" && path.startsWith("$") && /\.\.|\*\*/.test(path)) {
      throw refused("JSON paths with recursive wildcards (.. and **)");
    }
  }

  #integer(node: TreeNode | undefined): number | undefined {
    const value = this.#constant(node);
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "number") return Number.isFinite(value) ? Math.ceil(value) : undefined;
    if (typeof value === "string") return /^[-+]?\d{1,15}$/.test(value) ? Number(value) : undefined;
    return undefined;
  }

  /** The value that a node has whatever the rows are; undefined where it depends on them. */
  #constant(node: TreeNode | undefined): SqlValue | undefined {
    if (node === undefined) return undefined;
    if (node["class"] === "PARAMETER") return this.#parameters.get(String(node["identifier"]));
    if (node["class"] === "CAST") return this.#constant(node["child"] as TreeNode | undefined);
    if (node["class"] === "FUNCTION" && node["function_name"] === "-") {
      const children = node["children"] as readonly TreeNode[];
      const value = children.length === 1 ? this.#constant(children[0]) : undefined;
      return typeof value === "number" ? -value : undefined;
    }
    return node["class"] === "CONSTANT" ? constantValue(node["value"] as TreeNode) : undefined;
  }
}

const WHOLE = new Set(["INTEGER", "BIGINT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT"]);

function constantValue(constant: TreeNode): SqlValue | undefined {
  if (constant["is_null"] === true) return null;
  const type = (constant["type"] as TreeNode | undefined)?.["id"];
  const value = constant["value"];
  if (typeof value === "string" && type === "VARCHAR") return value;
  // Decimals are written scaled, hugeints in halves: as sizes they are refused.
  if (typeof value === "number" && WHOLE.has(String(type))) return value;
  return undefined;
}

function refused(message: string): KurobeError {
  return new KurobeError("KRB_QUERY_NOT_ALLOWED", message);
}
