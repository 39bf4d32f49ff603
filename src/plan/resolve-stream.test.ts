import { describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  lookup,
  session,
  stream,
  tumbling,
  within,
} from "../index.ts";
import { diffPlans } from "./diff.ts";
import { explainPlan } from "./explain.ts";
import { type Plan } from "./plan.ts";
import { resolveProject } from "./resolve.ts";

const bids = dataset({
  columns: {
    at: column.timestamp(),
    auction: column.int64(),
    price: column.decimal(18, 2),
    note: column.text().nullable(),
  },
  eventTime: "at",
});

const states = dataset({
  columns: { changed_at: column.timestamp(), id: column.int64(), state: column.text() },
  eventTime: "changed_at",
  key: ["id"],
});

const people = dataset({
  columns: {
    since: column.timestamp(),
    id: column.int64(),
    name: column.text(),
    at: column.text(),
  },
  eventTime: "since",
});

function planOf(streams: Readonly<Record<string, unknown>>, windows = {}): Plan {
  const spec = { name: "auctions", datasets: { bids, states, people }, streams, windows };
  return resolveProject(defineProject(spec as never));
}

function problemsOf(streams: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    planOf(streams);
    return [];
  } catch (error) {
    if (!isKurobeError(error)) throw error;
    const { problems } = error.details as {
      problems: readonly { path: string; found: string; write: string }[];
    };
    return problems.map(({ path, found, write }) => `${path}: ${found} (${write})`);
  }
}

describe("a stream's plan", () => {
  it("has the columns that are selected, the event time first, and types of its own", () => {
    const euros = stream({
      from: bids,
      select: { auction: "auction", euros: col("price").times(2) },
    });
    const [plan] = planOf({ euros }).streams;
    expect(plan).toMatchObject({ name: "euros", from: "bids", eventTime: "at", key: [] });
    expect(plan?.columns.map(({ name, nullable }) => [name, nullable])).toEqual([
      ["at", false],
      ["auction", false],
      ["euros", true],
    ]);
  });

  it("keeps the key of rows that are replaced, under the name that it is given", () => {
    const open = stream({
      from: states,
      where: col("state").eq("open"),
      select: { number: "id", since: "changed_at" },
    });
    expect(planOf({ open }).streams[0]).toMatchObject({ eventTime: "since", key: ["number"] });
  });

  it("reads streams, however they are ordered, and windows read them", () => {
    const plan = planOf(
      {
        a: stream({ from: "z", select: ["auction"] }),
        z: stream({ from: bids, where: col("price").gt(10) }),
      },
      { w: tumbling({ from: "a", size: "1m", by: ["auction"], measure: { n: count() } }) },
    );
    expect(plan.streams.map(({ name, from }) => [name, from])).toEqual([
      ["a", "z"],
      ["z", "bids"],
    ]);
    expect(plan.windows[0]?.from).toBe("a");
  });

  it("is explained with what was left out", () => {
    const big = stream({ from: bids, where: col("price").gt(10), select: ["auction"] });
    expect(explainPlan(planOf({ big }))).toContain(
      [
        "stream big from bids",
        "  where        (price > 10.00)",
        "  select       at, auction",
        "  event time   at",
        "  key          none: every row stays",
      ].join("\n"),
    );
  });
});

describe("mistakes in a stream", () => {
  it("are reported with what to write", () => {
    expect(
      problemsOf({
        lost: stream({ from: "bid" }),
        wrong: stream({ from: "bids", where: col("prize").gt(1) }),
        number: stream({ from: bids, where: col("price").plus(1) }),
        taken: stream({ from: bids, select: { at: col("auction") } }),
        twins: stream({ from: bids, select: { Price: "price", price: "price" } }),
        odd: { from: bids },
        extra: stream({ from: bids, filter: 1 } as never),
      }),
    ).toEqual([
      'streams.lost.from: "bid" (did you mean "bids"?)',
      'streams.wrong.where.gt[0]: "prize" (did you mean "price"?)',
      'streams.number.where: decimal(19, 2) (compare something, as in col("price").gt(0))',
      'streams.taken.select.at: something else under the name "at" (at: "at")',
      'streams.twins.select.price: a second column "price" (rename it)',
      'streams.odd: an object (stream({ from: …, where: col("kind").eq("order") }))',
      "streams.extra.filter: an unknown key (choose from from, join, where, select)",
    ]);
  });

  it("name a circle, a window, and what is not listed", () => {
    const window = tumbling({ from: bids, size: "1m", measure: { n: count() } });
    expect(
      problemsOf({
        first: stream({ from: "second" }),
        second: stream({ from: "first" }),
        over: stream({ from: window as never }),
        unlisted: stream({ from: stream({ from: bids }) }),
      }),
    ).toEqual([
      'streams.second.from: "first" (name a dataset)',
      "streams.over.from: a window (one of bids, states, people, first, second, over, unlisted)",
      "streams.unlisted.from: a stream that the project does not list (add it to `streams` of defineProject)",
    ]);
  });

  it("and names that are taken", () => {
    expect(problemsOf({ bids: stream({ from: bids }) })).toEqual([
      'streams.bids: the name "bids" again ("bids_2")',
    ]);
  });
});

describe("lookups", () => {
  const on = { auction: "id" } as const;

  it("bring columns under names of their own, null where a row may have no partner", () => {
    const left = stream({ from: bids, join: [lookup(people, { on, select: { who: "name" } })] });
    const inner = stream({
      from: bids,
      join: [lookup(states, { on, select: ["state"], kind: "inner" })],
      where: col("state").eq("open"),
      select: ["state"],
    });
    const [first, second] = planOf({ inner, left }).streams;
    expect(first?.columns.map(({ name, nullable }) => [name, nullable])).toEqual([
      ["at", false],
      ["state", false],
    ]);
    expect(second?.columns.at(-1)).toMatchObject({ name: "who", nullable: true });
    expect(second?.key).toEqual([]);
    expect(explainPlan(planOf({ left }))).toContain(
      "  join         left, the latest row of people where auction = people.id: who = name",
    );
  });

  it("as of the event time make rows that are known by their place, which sessions refuse", () => {
    const join = [
      lookup(people, { on, select: ["name"], at: "event_time", allowedLateness: "1h" }),
    ];
    const named = stream({ from: bids, join });
    const plan = planOf({ named });
    expect(plan.streams[0]).toMatchObject({ key: ["at", "_origin"] });
    expect(explainPlan(plan)).toContain(
      "  join         left, as of the event time, people where auction = people.id: name, corrected for 1h",
    );
    const over = session({ from: "named", gap: "1m", measure: { n: count() } });
    expect(() => planOf({ named }, { over })).toThrow("windows.over.from");
  });

  it("are refused where they cannot be right", () => {
    const of = (join: readonly unknown[], more = {}): unknown =>
      stream({ from: bids, join, ...more } as never);
    expect(
      problemsOf({
        keyless: of([lookup(people, { on: {}, select: [] })]),
        wrong: of([lookup("people", { on: { auction: "ident" }, select: ["nam"] })]),
        types: of([lookup(people, { on: { note: "id" }, select: [] })]),
        twice: of([lookup(people, { on, select: ["at"] })]),
        newest: of([lookup(states, { on, select: [], at: "event_time" })]),
        itself: of([lookup(bids, { on: { auction: "auction" }, select: [] })]),
        mixed: of([
          lookup(people, { on, select: [] }),
          lookup("people", { on, select: [], at: "event_time" }),
        ]),
        late: of([lookup(people, { on, select: [], allowedLateness: "1h" })]),
        nothing: of([{ with: people }]),
        lost: of([lookup("peoples", { on, select: [] })]),
      }),
    ).toEqual([
      'streams.keyless.join[0].on: an object ({ user: "id" })',
      'streams.wrong.join[0].on.auction: "ident" (choose from since, id, name, at)',
      'streams.wrong.join[0].select[0]: "nam" (did you mean "name"?)',
      "streams.types.join[0].on.note: text and int64 (declare them alike)",
      'streams.twice.join[0].select.at: the name "at" of a column of bids (people_at: "at")',
      'streams.newest.join[0]: "states", which keeps the newest row of each key only (leave its key out, or add "changed_at" to it; or at: "latest")',
      'streams.itself.join[0]: rows of "bids", which "bids" or another join follows already (give it a dataset of its own)',
      "streams.mixed.join: lookups of the latest row beside joins that are corrected (a second stream from this one)",
      'streams.late.join[0].allowedLateness: "1h" (at: "event_time")',
      'streams.nothing.join[0]: an object (lookup(users, { on: { user: "id" }, select: ["country"] }))',
      'streams.lost.join[0]: "peoples" (did you mean "people"?)',
    ]);
  });
});

describe("pairs within a bound", () => {
  const of = (join: readonly unknown[]): unknown => stream({ from: bids, join } as never);
  const bound = (between: unknown): unknown =>
    within(people, { on: { auction: "id" }, select: ["name"], between: between as ["0s", "0s"] });

  it("stay, and are explained", () => {
    const plan = planOf({ pairs: of([bound(["-10m", "1h"])]) });
    expect(plan.streams[0]).toMatchObject({ key: [], joins: [{ fromUs: -6e8, toUs: 36e8 }] });
    expect(explainPlan(plan)).toContain(
      "  join         each row of people from -10m to 1h apart where auction = people.id: name",
    );
  });

  it("are refused with bounds that are none, rows that are replaced, and other joins", () => {
    const other = { on: { auction: "id" }, select: [], between: ["0s", "1m"] } as const;
    expect(
      problemsOf({
        turned: of([bound(["1m", "-1m"])]),
        half: of([bound(["1m"])]),
        long: of([bound(["-30000d", "0s"])]),
        replaced: of([within(states, other)]),
        two: of([bound(["0s", "1m"]), lookup(states, { on: { auction: "id" }, select: [] })]),
      }),
    ).toEqual([
      'streams.turned.join[0].between: "1m" and "-1m" (between: ["-1m", "1m"])',
      'streams.half.join[0].between: a list (between: ["-10m", "1h"])',
      'streams.long.join[0].between: "-30000d" and "0s" (between: ["-10m", "1h"])',
      'streams.replaced.join[0]: "states", whose rows are replaced (leave its key out, or take a lookup)',
      "streams.two.join: lookups of the latest row beside joins that are corrected (a second stream from this one)",
      "streams.two.join: a join within a bound beside others (a second stream from this one)",
    ]);
  });
});

describe("a change of streams", () => {
  const before = planOf(
    { big: stream({ from: bids, where: col("price").gt(10) }), over: stream({ from: "big" }) },
    { w: tumbling({ from: "over", size: "1m", measure: { n: count() } }) },
  );
  const of = (after: Plan): readonly string[] =>
    diffPlans(before, after)
      .filter(({ kind }) => kind !== "keep")
      .map(({ kind, subject, reason }) => `${kind} ${subject}: ${reason}`);

  it("computes again what reads it", () => {
    const after = planOf(
      { big: stream({ from: bids, where: col("price").gt(11) }), over: stream({ from: "big" }) },
      { w: tumbling({ from: "over", size: "1m", measure: { n: count() } }) },
    );
    expect(of(after)).toEqual([
      "rebuild streams.big: where changed: all rows are computed again",
      "rebuild streams.over: the rows of big change",
      "rebuild windows.w: the rows of over change",
    ]);
  });

  it("says what goes and what comes", () => {
    expect(of(planOf({ other: stream({ from: bids }) }))).toEqual([
      "destructive streams.big: it is gone from the project: its rows are removed",
      "destructive streams.over: it is gone from the project: its rows are removed",
      "destructive windows.w: it is gone from the project: its results are removed",
      "add streams.other: a new stream of the stored rows of bids",
    ]);
  });
});
