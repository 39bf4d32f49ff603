/** The only way SQL text is made: a bare `${}` is a parameter, everything else says what it is. */

/** Values that DuckDB can bind. */
export type SqlValue = string | number | bigint | boolean | null;

export class Sql {
  readonly text: string;
  readonly values: readonly SqlValue[];

  constructor(text: string, values: readonly SqlValue[]) {
    this.text = text;
    this.values = values;
  }
}

type SqlPart = Sql | SqlValue;

function build(strings: readonly string[], parts: readonly SqlPart[]): Sql {
  let text = strings[0] ?? "";
  const values: SqlValue[] = [];
  parts.forEach((part, index) => {
    if (part instanceof Sql) {
      text += renumber(part, values.length);
      values.push(...part.values);
    } else {
      values.push(part);
      text += `$${values.length}`;
    }
    text += strings[index + 1] ?? "";
  });
  return new Sql(text, values);
}

// A fragment's `$n` outside of quotes is always one of ours: text inside quotes comes from
// `id` and `literal`, which we skip over here.
const PARAMETER_OR_QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)/g;

function renumber(fragment: Sql, by: number): string {
  if (by === 0 || fragment.values.length === 0) return fragment.text;
  return fragment.text.replace(PARAMETER_OR_QUOTED, (whole: string, digits: string | undefined) =>
    digits === undefined ? whole : `$${Number(digits) + by}`,
  );
}

function id(...path: readonly string[]): Sql {
  return new Sql(path.map((name) => `"${name.replaceAll('"', '""')}"`).join("."), []);
}

/** For the places where DuckDB binds no parameter: DDL, table function arguments in views. */
function literal(value: SqlValue): Sql {
  if (value === null) return new Sql("NULL", []);
  if (typeof value === "string") return new Sql(`'${value.replaceAll("'", "''")}'`, []);
  return new Sql(String(value), []);
}

function join(fragments: readonly Sql[], separator = ", "): Sql {
  const strings = ["", ...fragments.slice(1).map(() => separator), ""];
  return fragments.length === 0 ? new Sql("", []) : build(strings, fragments);
}

/** A word from one of our own tables (a type name, a keyword). Never for text from outside. */
function keyword(word: string): Sql {
  if (!/^[A-Za-z0-9_ (),[\]=]*$/.test(word)) throw new TypeError(`not an SQL keyword: ${word}`);
  return new Sql(word, []);
}

/** `sql\`… ${value} … ${sql.id(name)}\`` → text with `$1…` and its values. Fragments nest. */
export const sql = Object.assign(
  (strings: TemplateStringsArray, ...parts: readonly SqlPart[]) => build(strings, parts),
  {
    id,
    literal,
    join,
    keyword,
    empty: new Sql("", []),
  },
);
