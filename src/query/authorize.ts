/** Decides, from DuckDB's own parse tree, whether a text is a query that Kurobe will run. */
import { KurobeError } from "../core/errors.ts";
import { type SqlValue } from "../core/sql.ts";
import { ALLOWED_FUNCTIONS, ALLOWED_TABLE_FUNCTIONS } from "./allowed-functions.ts";
import { Bounds, type TreeNode } from "./bounds.ts";
import { tooComplex } from "./sql-text.ts";

export type Parameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

export interface Authorized {
  /** The relations that it reads, sorted: `ticks`, `ticks.dead_letters`. */
  readonly relations: readonly string[];
}

/** In the parse tree; DuckDB itself stops at 1,000. */
const MAX_DEPTH = 400;
/** FROM items of the whole statement. */
const MAX_RELATIONS = 100;

const EXPRESSIONS = new Set(
  (
    "BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF " +
    "OPERATOR PARAMETER POSITIONAL_REFERENCE STAR SUBQUERY WINDOW"
  ).split(" "),
);
/** Objects with a `type` that only hold others. */
const CONTAINERS = new Set(
  (
    "SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE JOIN SUBQUERY EXPRESSION_LIST EMPTY PIVOT " +
    "ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER " +
    "ORDER_DEFAULT ORDER_ASCENDING ORDER_DESCENDING ASCENDING DESCENDING"
  ).split(" "),
);
const REFUSED_TYPES = new Set(["VARIANT", "GEOMETRY"]);
/** Names of the CTEs that can be seen. */
type Scope = ReadonlySet<string>;

/**
 * Walks the tree that `json_serialize_sql` gave. Everything that is not known to be harmless is
 * refused: kinds of nodes, functions, relations. `relations` are the names that may be read.
 * Throws `KRB_QUERY_SQL`, `…_NOT_ALLOWED`, `…_UNKNOWN_RELATION`, `…_TOO_COMPLEX`.
 */
export function authorizeTree(
  tree: TreeNode,
  relations: ReadonlyMap<string, string>,
  parameters: Parameters = [],
): Authorized {
  if (tree["error"] === true) throw parserError(tree);
  const statements = listOf(tree["statements"]);
  if (statements.length === 0) throw new KurobeError("KRB_QUERY_SQL", "the statement is empty");
  if (statements.length > 1) {
    throw new KurobeError("KRB_QUERY_NOT_ALLOWED", "one statement at a time, without a second one");
  }
  const [statement = {}] = statements;
  const names = listOf(statement["named_param_map"]).map((entry) => String(entry["key"]));
  const walk = new Walk(relations, new Bounds(namedValues(names, parameters)));
  walk.visit(statement["node"], new Set(), 0);
  return { relations: [...walk.read].toSorted() };
}

class Walk {
  readonly read = new Set<string>();
  readonly #relations: ReadonlyMap<string, string>;
  readonly #bounds: Bounds;
  #items = 0;

  constructor(relations: ReadonlyMap<string, string>, bounds: Bounds) {
    this.#relations = relations;
    this.#bounds = bounds;
  }

  visit(value: unknown, scope: Scope, depth: number): void {
    if (depth > MAX_DEPTH) throw tooComplex(`the statement is nested more than ${MAX_DEPTH} deep`);
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope, depth);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const node = value as TreeNode;
    if (typeof node["class"] === "string") this.#expression(node, scope, depth);
    else if (typeof node["type"] === "string") this.#typed(node, scope, depth);
    else this.#children(node, scope, depth);
  }

  #children(node: TreeNode, scope: Scope, depth: number): void {
    for (const child of Object.values(node)) this.visit(child, scope, depth + 1);
  }

  #expression(node: TreeNode, scope: Scope, depth: number): void {
    const kind = String(node["class"]);
    if (!EXPRESSIONS.has(kind)) throw refused(`${kind} expressions`);
    if (kind === "CONSTANT") return;
    if (kind === "FUNCTION" || kind === "WINDOW") this.#call(node);
    // The arrow is JSON's operator as well.
    if (kind === "LAMBDA") this.#bounds.check("->", listOf([node["lhs"], node["expr"]]));
    const { cast_type: castType, ...rest } = node;
    refuseTypes(castType, 0);
    this.#children(rest, scope, depth);
  }

  #call(node: TreeNode): void {
    const name = lower(String(node["function_name"]));
    if (!ALLOWED_FUNCTIONS.has(name)) {
      throw new KurobeError("KRB_QUERY_NOT_ALLOWED", `the function ${name} is not allowed`, {
        details: { function: name },
      });
    }
    // Aggregate states are raw bytes that DuckDB trusts.
    if (node["export_state"] === true) throw refused("EXPORT_STATE");
    this.#bounds.check(name, listOf(node["children"]));
  }

  #typed(node: TreeNode, scope: Scope, depth: number): void {
    const type = String(node["type"]);
    if (type === "BASE_TABLE") {
      this.#relation(node, scope);
      this.visit(node["at_clause"], scope, depth + 1);
    } else if (type === "TABLE_FUNCTION") this.#tableFunction(node, scope, depth);
    else if (type === "RECURSIVE_CTE_NODE") this.#recursive(node, scope, depth);
    else if (type === "SHOW_REF") {
      throw new KurobeError(
        "KRB_QUERY_NOT_ALLOWED",
        "DESCRIBE, SHOW and SUMMARIZE are not allowed",
      );
    } else if (CONTAINERS.has(type)) this.#container(node, scope, depth);
    else throw refused(type);
  }

  /**
   * A CTE sees those before it, never itself or later ones: a table of that name would be meant.
   */
  #container(node: TreeNode, scope: Scope, depth: number): void {
    const { cte_map: ctes, ...rest } = node;
    const inner = new Set(scope);
    for (const entry of listOf((ctes as TreeNode | undefined)?.["map"])) {
      this.visit(entry["value"], inner, depth + 1);
      inner.add(lower(String(entry["key"])));
    }
    this.#children(rest, inner, depth);
  }

  #recursive(node: TreeNode, scope: Scope, depth: number): void {
    const { right, ...rest } = node;
    this.#container(rest, scope, depth);
    const itself = new Set(scope).add(lower(String(node["cte_name"])));
    this.visit(right, itself, depth + 1);
  }

  #relation(node: TreeNode, scope: Scope): void {
    const name = String(node["table_name"]);
    const schema = node["schema_name"];
    const catalog = node["catalog_name"];
    const isBare = !isNamed(schema) && !isNamed(catalog);
    this.#count();
    if (isBare && scope.has(lower(name))) return;
    const path = isBare || lower(String(schema)) === "main" ? [name] : [String(schema), name];
    const isOurs = !isNamed(catalog) && !path.some((part) => part.includes("."));
    const known = isOurs ? this.#relations.get(lower(path.join("."))) : undefined;
    if (known === undefined) {
      const shown = [catalog, schema, name].filter(isNamed).join(".").slice(0, 100);
      throw new KurobeError("KRB_QUERY_UNKNOWN_RELATION", `there is no dataset ${shown}`, {
        details: { relation: shown },
      });
    }
    this.read.add(known);
  }

  #tableFunction(node: TreeNode, scope: Scope, depth: number): void {
    const call = node["function"] as TreeNode;
    const name = lower(String(call["function_name"]));
    if (call["class"] !== "FUNCTION" || !ALLOWED_TABLE_FUNCTIONS.has(name)) {
      throw new KurobeError("KRB_QUERY_NOT_ALLOWED", `the table function ${name} is not allowed`, {
        details: { function: name },
      });
    }
    this.#count();
    this.#children(call, scope, depth);
    const { function: _, ...rest } = node;
    this.#children(rest, scope, depth);
  }

  #count(): void {
    this.#items += 1;
    if (this.#items > MAX_RELATIONS) {
      throw tooComplex(`more than ${MAX_RELATIONS} relations in FROM`);
    }
  }
}

/** DuckDB compares names without case in ASCII only: a Kelvin sign is not a k. */
export function lower(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isNamed(part: unknown): part is string {
  return typeof part === "string" && part !== "";
}

function listOf(value: unknown): readonly TreeNode[] {
  return Array.isArray(value) ? (value as readonly TreeNode[]) : [];
}

/** Text nested 100,000 deep crashes the cast to VARIANT. */
function refuseTypes(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return;
  const { id, name } = value as TreeNode;
  const named = String(id === "UNBOUND" || id === undefined ? name : id).toUpperCase();
  if (REFUSED_TYPES.has(named)) throw refused(`the type ${named}`);
  for (const part of Object.values(value)) refuseTypes(part, depth + 1);
}

function namedValues(
  names: readonly string[],
  parameters: Parameters,
): ReadonlyMap<string, SqlValue> {
  const given = new Map(
    Array.isArray(parameters)
      ? (parameters as readonly SqlValue[]).map((value, index) => [String(index + 1), value])
      : Object.entries(parameters as Readonly<Record<string, SqlValue>>),
  );
  const missing = names.filter((name) => !given.has(name));
  const extra = [...given.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0 || extra.length > 0) {
    const told = [
      missing.length > 0 ? `no value for ${missing.map((name) => `$${name}`).join(", ")}` : "",
      extra.length > 0 ? `no use of ${extra.map((name) => `$${name}`).join(", ")}` : "",
    ].filter((part) => part !== "");
    throw new KurobeError("KRB_QUERY_PARAMETERS", told.join("; "), { details: { missing, extra } });
  }
  return given;
}

function parserError(tree: TreeNode): KurobeError {
  const told = tree["error_message"];
  const message = typeof told === "string" ? told : "the statement cannot be read";
  if (tree["error_type"] === "not implemented") {
    return new KurobeError("KRB_QUERY_NOT_ALLOWED", "only SELECT statements are allowed", {
      details: { parser: message },
    });
  }
  const position = Number(tree["position"]);
  return new KurobeError("KRB_QUERY_SQL", message, {
    details: Number.isFinite(position) ? { position } : {},
  });
}

function refused(what: string): KurobeError {
  return new KurobeError("KRB_QUERY_NOT_ALLOWED", `${what} are not allowed`);
}
