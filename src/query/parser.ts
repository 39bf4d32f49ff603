/** DuckDB's own parser, on an instance that holds no data and reaches nothing. */
import { assert, KurobeError } from "../core/errors.ts";
import { sql } from "../core/sql.ts";
import { openDatabase, type Connection, type Prepared } from "../duckdb/duckdb.ts";
import { authorizeTree, type Authorized, type Parameters } from "./authorize.ts";
import { type TreeNode } from "./bounds.ts";
import { boundedStatement } from "./sql-text.ts";

export interface AuthorizedStatement extends Authorized {
  /** The statement without what follows it: this is what was judged, and what may run. */
  readonly text: string;
}

export interface QueryParser extends AsyncDisposable {
  /**
   * `relations`: the names that may be read, in lower case, with the names as they are declared.
   */
  authorize(
    text: string,
    relations: ReadonlyMap<string, string>,
    parameters?: Parameters,
  ): Promise<AuthorizedStatement>;
}

const PARSER_MEMORY_BYTES = 256 * 1024 * 1024;
/** The worst text within the bounds takes 0.1 s. */
const PARSE_LIMIT_MS = 5_000;
/** Dashboards ask the same again and again. A tree takes about 60 times the memory of its text. */
const MAX_REMEMBERED = 128;
const MAX_REMEMBERED_LENGTH = 2_000;

export async function openParser(): Promise<QueryParser> {
  const database = await openDatabase({
    memoryLimitBytes: PARSER_MEMORY_BYTES,
    threads: 1,
    temporaryDirectory: null,
    maxTemporaryBytes: 0,
    allowedDirectories: [],
  });
  try {
    const connection = await database.connect();
    const serialize = await connection.prepare(
      sql`SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true)`,
    );
    return new OpenParser(database, connection, serialize);
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

class OpenParser implements QueryParser {
  readonly #owner: AsyncDisposable;
  readonly #connection: Connection;
  readonly #serialize: Prepared;
  readonly #known = new Map<string, TreeNode>();
  /** One text at a time; callers are as many as the query queue lets in. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(owner: AsyncDisposable, connection: Connection, serialize: Prepared) {
    this.#owner = owner;
    this.#connection = connection;
    this.#serialize = serialize;
  }

  async authorize(
    text: string,
    relations: ReadonlyMap<string, string>,
    parameters: Parameters = [],
  ): Promise<AuthorizedStatement> {
    const statement = boundedStatement(text);
    const tree = this.#known.get(statement) ?? (await this.#parseInTurn(statement));
    this.#remember(statement, tree);
    return { ...authorizeTree(tree, relations, parameters), text: statement };
  }

  #parseInTurn(statement: string): Promise<TreeNode> {
    const parsing = this.#last.then(() => this.#parse(statement));
    this.#last = parsing.catch(() => undefined);
    return parsing;
  }

  /** Trees only: what is allowed depends on the relations and values of each time. */
  #remember(statement: string, tree: TreeNode): void {
    if (statement.length > MAX_REMEMBERED_LENGTH) return;
    this.#known.delete(statement);
    this.#known.set(statement, tree);
    if (this.#known.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  async #parse(statement: string): Promise<TreeNode> {
    const late = setTimeout(() => this.#connection.interrupt(), PARSE_LIMIT_MS);
    try {
      const [[tree] = []] = await this.#serialize.values([statement]);
      assert(typeof tree === "string", "json_serialize_sql gives text");
      return readTree(tree);
    } finally {
      clearTimeout(late);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    this.#serialize[Symbol.dispose]();
    await this.#owner[Symbol.asyncDispose]();
  }
}

function readTree(json: string): TreeNode {
  try {
    return JSON.parse(json) as TreeNode;
  } catch (error) {
    // DuckDB writes the literal 1e999 as a bare `inf`.
    throw new KurobeError("KRB_QUERY_SQL", "a number in the statement is too large", {
      cause: error,
    });
  }
}
