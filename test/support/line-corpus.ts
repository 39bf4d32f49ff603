/**
 * Bodies of InfluxDB's line protocol that are as nasty as one can think of; `§` is the measurement.
 */

export interface LineCase {
  readonly body: string | Buffer;
  /** Besides the database: `&precision=ms`. */
  readonly query?: string;
  readonly encoding?: "gzip";
  /** False where the time of reception is stored. */
  readonly isTimed?: boolean;
  /** Declared in `docs/line-protocol.md`: why we decide or store otherwise. */
  readonly differs?: string;
}

const T = "1000000";

/** One point a case: what stands behind the measurement and before the time. */
const timed = (...bodies: readonly string[]): readonly LineCase[] =>
  bodies.map((body) => ({ body: `${body} ${T}` }));

const VALUES = [
  ...["1", "1.5", "-1", "-0", "0", "1.", ".5", "-.5", "1e3", "1E3", "1e+3", "1e-3", "1.5e300"],
  ...[
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "00",
    "01",
    "0001.5",
    "-01",
    "1e",
    "1e+",
    "e3",
    "1.2.3",
  ],
  ...["1i", "-1i", "0i", "-0i", "01i", "9223372036854775807i", "-9223372036854775808i"],
  ...["9223372036854775808i", "-9223372036854775809i", "1.5i", "1e3i", "i", "-i", "--1i", "1ii"],
  ...[
    "t",
    "T",
    "true",
    "True",
    "TRUE",
    "f",
    "F",
    "false",
    "False",
    "FALSE",
    "tRUE",
    "truee",
    "yes",
  ],
  ...["NaN", "nan", "Inf", "-Inf", "+Inf", "infinity", "null", "nil", "None", "+1", "+1i", "0x10"],
  ...[
    "1_000",
    "1,000",
    "1f",
    "123456789012345678901234567890",
    "0.1234567890123456789",
    "--1",
    "-",
  ],
  ...['"a"', '""', '"a b"', '"a,b"', '"a=b"', '"a\\"b"', '"a\\\\b"', '"a\\nb"', '"\\"', '"\\\\"'],
  ...[
    '"a\nb"',
    '"a',
    'a"',
    '"é日本"',
    '"\u0001"',
    '"# no comment"',
    "'a'",
    "`a`",
    "a",
    '"tab\there"',
  ],
];

const TAGS = [
  ...["", "t=a", "t=", "=a", "t", ",", "t=a,", "t=a,,u=b", "t=a,u=b", "u=b,t=a", "t=a\\ b"],
  ...["t=a\\,b", "t=a\\=b", "t=a=b", "t=a\\", "t=a\\\\", "t=\\a", "t=a\\\\b", "t\\ u=a", "t\\,u=a"],
  ...["t\\=u=a", 't="a"', 't="a b"', "t=é日本", "t=#a", "t=a\tb", "t= a", "t =a", "t=1", "t=true"],
  ...["\\ t=a", "t=\\ ", "t=a'b", "t=\u00a0", "T=a,t=b"],
];

const NAMES = [
  '§\\"q',
  "§,a",
  "§\\,a",
  "§ b",
  "§\\ b",
  "§=b",
  "§\\=b",
  "§\\x",
  "§é日",
  '§"q"',
  "§\\",
];

const FIELDS = [
  ...["f", "f=", "=1", "f=1,", ",f=1", "f=1,,g=2", "f=1,g", "f=1,g=", "f=1 ,g=2", "f=1, g=2"],
  ...["f =1", "f= 1", "f\\ g=1", "f\\,g=1", "f\\=g=1", 'f\\"g=1', '"f"=1', "f\\\\g=1", "f\\g=1"],
  ...["é日=1", 'f=1,g=2i,h=true,i="s"', "f==1", "f=1=2", "#f=1", "f\tg=1"],
];

const TIMES = [
  ...["", " ", "1", "-1", "0", "1000000000", "-1000000000", "1.5", "1e9", "abc", "1 2", "1i", "+1"],
  ...["9223372036854775806", "-9223372036854775806", "9223372036854775807", "9223372036854775808"],
  ...[
    "-9223372036854775808",
    "99999999999999999999",
    "0001000",
    "-",
    "1\t",
    " 1000 ",
    "1000\u0000",
  ],
];

const BODIES = [
  ...[
    "",
    "\n",
    "\n\n\n",
    " ",
    "#",
    "# a comment",
    "#§ f=1",
    " # f=1",
    "§",
    "§ ",
    "§,t=a",
    ",t=a f=1",
  ],
  ...[" f=1", "=1", "\t§ f=1 1000000", "  § f=1 1000000", "§  f=1  1000000", "§ f=1 1000000  "],
  ...["§ f=1 1000000\n", "\n§ f=1 1000000\n\n", "§ f=1 1000000\n# x\n§ f=2 2000000"],
  ...["§ f=1 1000000\nbad\n§ f=2 2000000", "bad\nworse", "§ f=1 1000000\n§ f= 2000000"],
  ...["§ f=1 1000000\n§,t= f=1\n§ f=3 3000000", "§ f=1 1000000 § f=2 2000000"],
  ...['§ f="a\nb" 1000000\n§ g=2 2000000', '§ f="a 1000000\n§ f="b" 2000000', "§\nf=1"],
  ...["§,t=a\n f=1", "§ f=1 1000000\u0000", "\u0000§ f=1 1000000"],
  ...["§,t=a f=1 1000000\n§,t=b f=2 1000000\n§ f=3 1000000", "§ f=1,f=1 1000000\n"],
];

const BEYOND = "a json column keeps numbers beyond 64 bits, as their text";
const TWICE = "two fields of one name are refused";

/** What the two decide differently on purpose; the words are those of the documentation. */
const DIFFERENT: Readonly<Record<string, string>> = {
  "§ f=1e309 1000000": BEYOND,
  "§ f=-1e400 1000000": BEYOND,
  "§ f=1e309,g=1 1000000": BEYOND,
  "§ f=-1e400,g=1 1000000": BEYOND,
  "§ f=9223372036854775808i 1000000": BEYOND,
  "§ f=-9223372036854775809i 1000000": BEYOND,
  "§ f=123456789012345678901234567890 1000000": BEYOND,
  "§ f=1 9223372036854775806": "after the year 2255 a time may be a microsecond beside itself",
  "§ f=1,f=1 1000000\n": TWICE,
};

const PLAIN: readonly LineCase[] = [
  ...timed(...VALUES.map((value) => `§ f=${value}`)),
  ...timed(...VALUES.slice(0, 20).map((value) => `§ f=${value},g=1`)),
  ...timed(...TAGS.map((tags) => `§,${tags} f=1`)),
  ...timed(...NAMES.map((name) => `${name} f=1`)),
  ...timed(...FIELDS.map((fields) => `§ ${fields}`)),
  ...TIMES.map((time) => ({ body: `§ f=1 ${time}`, isTimed: time.trim() !== "" })),
  ...BODIES.map((body) => ({ body, isTimed: body.includes("000000") })),
  ...["n", "u", "ms", "s", "m", "h"].map((unit) => ({
    body: "§ f=1 17000",
    query: `&precision=${unit}`,
  })),
  { body: "§ f=1 9223372036854775", query: "&precision=s" },
  { body: "§ f=1 1000000", encoding: "gzip" },
  { body: "§ f=1 1000000\nbad", encoding: "gzip" },
  { body: `§ f="${"x".repeat(70_000)}" 1000000` },
];

export const CORPUS: readonly LineCase[] = PLAIN.map((one) => {
  const differs = DIFFERENT[String(one.body)];
  return differs === undefined ? one : { ...one, differs };
});
