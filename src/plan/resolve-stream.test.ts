import { describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import { col, column, count, dataset, defineProject, stream, tumbling } from "../index.ts";
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

function planOf(streams: Readonly<Record<string, unknown>>, windows = {}): Plan {
  const spec = { name: "auctions", datasets: { bids, states }, streams, windows };
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
      "streams.extra.filter: an unknown key (choose from from, where, select)",
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
      "streams.over.from: a window (one of bids, states, first, second, over, unlisted)",
      "streams.unlisted.from: a stream that the project does not list (add it to `streams` of defineProject)",
    ]);
  });

  it("and names that are taken", () => {
    expect(problemsOf({ bids: stream({ from: bids }) })).toEqual([
      'streams.bids: the name "bids" again ("bids_2")',
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
