/** The same bodies to a real InfluxDB 1.6.7 and to us: what is taken and what is stored agree. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InfluxServer, openInflux } from "../../../test/support/influx-server.ts";
import { openServed, type Served, TOKEN } from "../../../test/support/served-platform.ts";
import { column, dataset, defineProject } from "../../index.ts";
import { CORPUS, type LineCase } from "../../../test/support/line-corpus.ts";

const FUZZED = 300;
/** Requests to each of the two at a time. */
const AT_ONCE = 25;
const DATABASE = "plant";

/** Names that the measurement of a case has; `§` in its body stands for the first. */
const namesOf = (place: number): readonly string[] =>
  ["", ",a", " b", "=b", "\\x", "é日", '"q"', '"q', "\\"].map((rest) => `c${place}_${rest}`);

const project = defineProject({
  name: "plant",
  datasets: {
    points: dataset({
      columns: {
        time: column.timestamp(),
        measurement: column.text(),
        members: column.json().nullable(),
      },
      eventTime: "time",
      watermark: { maxFutureSkew: "100000d" },
      lineProtocol: {
        measurements: Array.from({ length: CORPUS.length + FUZZED }, (_, i) => namesOf(i)).flat(),
        measurementColumn: "measurement",
        rest: "members",
      },
    }),
  },
});

interface Outcome {
  readonly status: number;
  readonly text: string;
}

let influx: InfluxServer;
let served: Served;
beforeAll(async () => {
  influx = await openInflux();
  await influx.query(`CREATE DATABASE ${DATABASE}`);
  served = await openServed(project);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await influx[Symbol.asyncDispose]();
});

const bodyOf = ({ body }: LineCase, place: number): Buffer =>
  typeof body === "string"
    ? Buffer.from(body.replaceAll("§", `c${place}_`))
    : Buffer.from(body.toString("latin1").replaceAll("\u00A7", `c${place}_`), "latin1");

async function writeTo(url: string, one: LineCase, place: number): Promise<Outcome> {
  const bytes = bodyOf(one, place);
  const isZipped = one.encoding === "gzip";
  // InfluxDB puts a body's zero byte into a header of its 400, which no client can read.
  const unreadable = new Response(null, { status: 400 });
  const answer = await fetch(`${url}/write?db=${DATABASE}&u=x&p=${TOKEN}${one.query ?? ""}`, {
    method: "POST",
    body: new Uint8Array(isZipped ? gzipSync(bytes) : bytes),
    headers: isZipped ? { "content-encoding": "gzip" } : {},
  }).catch((error: unknown) => {
    if (bytes.includes(0)) return unreadable;
    throw error;
  });
  return { status: answer.status, text: await answer.text() };
}

/** Whole numbers beyond 53 bits stay what they are. */
function exact(text: string): unknown {
  return JSON.parse(text.replaceAll(/([:[,])(-?\d{16,})(?=[,\]}])/g, '$1"$2"'));
}

/** By case: each stored point as `measurement µs members`, members by name. */
type Stored = ReadonlyMap<number, readonly string[]>;

function gathered(points: readonly (readonly [string, string, object])[]): Stored {
  const found = new Map<number, string[]>();
  for (const [measurement, us, members] of points) {
    const place = Number(/^c(\d+)_/.exec(measurement)?.[1] ?? -1);
    const own = Object.entries(members).filter(([, value]) => value !== null);
    own.sort(([a], [b]) => (a < b ? -1 : 1));
    const list = found.get(place) ?? [];
    list.push(`${measurement} ${us} ${JSON.stringify(own)}`);
    found.set(place, list);
  }
  for (const list of found.values()) list.sort((a, b) => (a < b ? -1 : 1));
  return found;
}

/** Each measurement by itself: of several at once InfluxDB shows fields of one type only. */
async function storedInInflux(): Promise<Stored> {
  const names = (await influx.query("SHOW MEASUREMENTS", DATABASE)).flatMap(({ values }) =>
    values.map(([name]) => String(name).replaceAll(/["\\]/g, "\\$&")),
  );
  const q = names.map((name) => `SELECT * FROM "${name}"`).join("; ");
  const answer = await fetch(`${influx.url}/query?db=${DATABASE}&epoch=ns`, {
    method: "POST",
    body: new URLSearchParams({ q }),
  });
  const { results } = exact(await answer.text()) as {
    results: readonly {
      readonly series?: readonly { name: string; columns: string[]; values: unknown[][] }[];
    }[];
  };
  const series = results.flatMap((one) => one.series ?? []);
  return gathered(
    series.flatMap(({ name, columns, values }) =>
      values.map(([time, ...rest]) => {
        const ns = BigInt(String(time));
        const us = (ns - (((ns % 1000n) + 1000n) % 1000n)) / 1000n;
        const members = Object.fromEntries(rest.map((value, i) => [columns[i + 1] ?? "", value]));
        return [name, String(us), members] as const;
      }),
    ),
  );
}

async function storedInKurobe(): Promise<Stored> {
  const answer = await served.fetch("/v1/sql", {
    method: "POST",
    body: "SELECT measurement, CAST(epoch_us(time) AS VARCHAR), CAST(members AS VARCHAR) FROM points LIMIT 100000",
    headers: { "content-type": "text/plain" },
  });
  const { rows } = (await answer.json()) as { rows: readonly [string, string, string][] };
  return gathered(rows.map(([name, us, members]) => [name, us, exact(members) as object]));
}

/** `taken`: 204; `partly`: some points are stored; `refused`: 400 and nothing stored. */
function decision({ status }: Outcome, stored: readonly string[]): string {
  if (status === 204) return "taken";
  return status === 400 ? (stored.length > 0 ? "partly" : "refused") : `answered ${status}`;
}

interface Verdict {
  readonly influx: readonly [string, readonly string[]];
  readonly kurobe: readonly [string, readonly string[]];
}

/** Writes all cases to both, the first one as case `from`, and then looks at what is stored. */
async function judge(cases: readonly LineCase[], from: number): Promise<readonly Verdict[]> {
  const outcomes: (readonly [Outcome, Outcome])[] = [];
  for (let start = 0; start < cases.length; start += AT_ONCE) {
    const some = cases.slice(start, start + AT_ONCE).map(async (one, index) => {
      const place = from + start + index;
      return await Promise.all([
        writeTo(influx.url, one, place),
        writeTo(served.server.url, one, place),
      ]);
    });
    outcomes.push(...(await Promise.all(some)));
  }
  const [theirs, ours] = [await storedInInflux(), await storedInKurobe()];
  return outcomes.map(([their, our], index) => {
    const [a, b] = [theirs.get(from + index) ?? [], ours.get(from + index) ?? []];
    const shownTime = (list: readonly string[]): readonly string[] =>
      cases[index]?.isTimed === false
        ? list.map((one) => one.replace(/ -?\d+ \[/, " now ["))
        : list;
    return {
      influx: [decision(their, a), shownTime(a)],
      kurobe: [decision(our, b), shownTime(b)],
    };
  });
}

describe("beside InfluxDB 1.6.7", () => {
  it("every case of the corpus is decided and stored the same, but for declared differences", async () => {
    const verdicts = await judge(CORPUS, 0);
    const wrong = CORPUS.flatMap((one, index) => {
      const verdict = verdicts[index];
      if (verdict === undefined) return [];
      const isSame = JSON.stringify(verdict.influx) === JSON.stringify(verdict.kurobe);
      return isSame === (one.differs === undefined) ? [] : [{ body: String(one.body), ...verdict }];
    });
    expect(wrong).toEqual([]);
    expect(verdicts.filter(({ influx: [what] }) => what === "taken").length).toBeGreaterThan(40);
    expect(verdicts.filter(({ influx: [what] }) => what !== "taken").length).toBeGreaterThan(40);
  });

  it("bodies put together at random are decided and stored the same", async () => {
    const tags = ["", ",t=a", ",t=b\\ c", ",u=\\,", ",t=\\", ',"u"=x', ",t=é,u=#"];
    const fields = ["f=1", "f=1i", 'f="a b"', 'g="\\""', "h=t", "f=", "g=1,h=2", "=1", "f=-.5e3"];
    const extra = [
      "",
      "",
      "",
      "\\",
      ",",
      "=",
      " ",
      '"',
      "\n§ f=2",
      "-",
      "\\\\",
      "i",
      "#",
      "\\=",
      "\t",
    ];
    const drawn = fc.record({
      line: fc
        .tuple(
          fc.constantFrom(...tags),
          fc.constantFrom(" ", " ", "  ", ""),
          fc.constantFrom(...fields),
          fc.constantFrom("", " 1000000", " x", " 1000000 "),
        )
        .map((parts) => parts.join("")),
      extra: fc.constantFrom(...extra),
      at: fc.nat(30),
    });
    const cases = fc.sample(drawn, FUZZED).map(({ line, extra: more, at }) => {
      const place = 1 + (at % line.length);
      return { body: `§${line.slice(0, place)}${more}${line.slice(place)}`, isTimed: false };
    });
    const verdicts = await judge(cases, CORPUS.length);
    const wrong = verdicts.flatMap((verdict, index) => {
      const body = cases[index]?.body ?? "";
      const isSame = JSON.stringify(verdict.influx) === JSON.stringify(verdict.kurobe);
      return isSame || isDeclared(body) ? [] : [{ body, ...verdict }];
    });
    expect(wrong.slice(0, 30)).toEqual([]);
    expect(verdicts.filter(({ influx: [what] }) => what === "taken").length).toBeGreaterThan(50);
  });
});

/** What `docs/line-protocol.md` declares, as far as random bodies run into it. */
function isDeclared(body: string): boolean {
  return (
    /(^|[^\\])"[^,\s]/.test(body) ||
    /(\bf=.*\bf=|\bg=.*\bg=|\bt=.*\bt=)/s.test(body) ||
    /,[^=]*==/.test(body)
  );
}
