/** A command as it is typed at a prompt becomes its arguments: `SET {key} "two words"`. */

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\u0007",
};

/** Quotes work as in `redis-cli`; undefined where one is not closed or something follows it. */
export function splitCommand(text: string): readonly string[] | undefined {
  const args: string[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const match =
      /^"((?:[^"\\]|\\.)*)"(?=\s|$)/s.exec(rest) ??
      /^'((?:[^'\\]|\\.)*)'(?=\s|$)/s.exec(rest) ??
      /^([^\s"']\S*)/.exec(rest);
    if (match === null) return undefined;
    const [whole, content = ""] = match;
    args.push(
      whole.startsWith('"')
        ? content.replace(/\\x([0-9a-f]{2})|\\(.)/gis, unescaped)
        : whole.startsWith("'")
          ? content.replace(/\\'/g, "'")
          : content,
    );
    rest = rest.slice(whole.length).trimStart();
  }
  return args;
}

function unescaped(_: string, hex: string | undefined, letter: string | undefined): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return ESCAPES[letter ?? ""] ?? letter ?? "";
}
