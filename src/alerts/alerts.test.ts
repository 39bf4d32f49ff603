import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sql } from "../core/sql.ts";
import { per_minute, START_MS, viewLine, views } from "../../test/support/alert-project.ts";
import { openReceiver, type Receiver } from "../../test/support/receiver.ts";
import { openServed, type Served } from "../../test/support/served-platform.ts";
import {
  absent,
  alert,
  type AlertSpec,
  change,
  col,
  defineProject,
  mad,
  threshold,
  webhook,
  zscore,
} from "../index.ts";

let receiver: Receiver;
let directory: string;

beforeEach(async () => {
  receiver = await openReceiver();
  directory = await mkdtemp(join(tmpdir(), "kurobe-alerts-"));
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function project(spec: Omit<AlertSpec, "on">): unknown {
  return defineProject({
    name: "pages",
    datasets: { views },
    windows: { per_minute },
    alerts: { spike: alert({ on: per_minute, staleAfter: "3650d", ...spec }) },
    sinks: {
      hook: webhook({
        from: "spike",
        url: receiver.url,
        allowPrivateAddresses: true,
        retry: { first: "5ms", max: "20ms" },
      }),
    },
  });
}

const open = (spec: Omit<AlertSpec, "on">): Promise<Served> =>
  openServed(project(spec), { directory });

const MINUTE_MS = 60_000;

/**
 * One row a minute and page; `null` leaves the minute out. A last row closes the last minute, and
 * all results have been judged.
 */
async function send(
  served: Served,
  fromMinute: number,
  values: readonly (number | null)[],
  page = "home",
): Promise<void> {
  const lines = values.flatMap((value, index) =>
    value === null ? [] : [viewLine(fromMinute + index, page, value)],
  );
  lines.push(viewLine(fromMinute + values.length, "clock", 0));
  const response = await served.post("/v1/datasets/views/rows", lines.join("\n"));
  expect(response.status).toBe(200);
  await served.platform.engine.tick();
}

/** `minute state`, minutes after the start, for one page; what nobody is told of has a star. */
async function history(served: Served, page = "home"): Promise<readonly string[]> {
  await using connection = await served.platform.database.connect();
  const rows = (await connection.values(
    sql`SELECT epoch_ms(changed_at), state, notify, suppressed FROM spike
         WHERE page = ${page} ORDER BY changed_at, state`,
  )) as [bigint, string, boolean, string | null][];
  return rows.map(([at, state, notify, suppressed]) => {
    const star = notify ? "" : `* ${suppressed ?? ""}`.trimEnd();
    return `${(Number(at) - START_MS) / MINUTE_MS} ${state}${star}`;
  });
}

const toldOf = (): readonly unknown[] =>
  receiver.taken.map(({ json }) => (json["row"] as { readonly state: string }).state);

describe("an alert", () => {
  it("fires beyond its bound, ends beyond the clear value, and tells of both once", async () => {
    await using served = await open({ when: threshold({ of: "n", above: 100, clear: 50 }) });
    await send(served, 0, [10, 150, 80, 120, 40, 10]);
    expect(await history(served)).toEqual(["2 firing", "5 resolved"]);
    await receiver.until(() => receiver.taken.length >= 2);
    expect(toldOf()).toEqual(["firing", "resolved"]);
    expect(receiver.taken[0]?.json).toMatchObject({ row: { page: "home", value: 150 } });
  });

  it("waits until it has held long enough", async () => {
    await using served = await open({ when: threshold({ of: "n", above: 100 }), for: "2m" });
    await send(served, 0, [150, 10, 150, 150, 150, 150, 10]);
    expect(await history(served)).toEqual([
      "1 pending*",
      "2 resolved*",
      "3 pending*",
      "5 firing",
      "7 resolved",
    ]);
  });

  it("gives the same states however the rows were grouped into batches", async () => {
    const values = [10, 150, 160, 20, 170, 180, 190, 30];
    const spec = { when: threshold({ of: "n", above: 100 }), for: "1m" };
    const histories: (readonly string[])[] = [];
    for (const size of [1, 3, 8]) {
      await using served = await openServed(project(spec));
      for (let from = 0; from < values.length; from += size)
        await send(served, from, values.slice(from, from + size));
      histories.push(await history(served));
    }
    expect(histories[1]).toEqual(histories[0]);
    expect(histories[2]).toEqual(histories[0]);
    expect(histories[0]?.length).toBeGreaterThan(4);
  });

  it("judges a correction by itself, without anything else having to come", async () => {
    await using served = await open({ when: threshold({ of: "n", above: 100 }) });
    const post = (text: string): Promise<Response> => served.post("/v1/datasets/views/rows", text);
    await post([viewLine(0, "home", 90), viewLine(1, "clock", 0)].join("\n"));
    expect(await history(served)).toEqual([]);
    // Nothing else waits: it is there with the acknowledgement.
    await post(viewLine(0, "home", 60));
    expect(await history(served)).toEqual(["1 firing"]);
    // The second one waits for the first, and has to ask for a tick.
    await Promise.all([post(viewLine(0, "other", 1)), post(viewLine(0, "home", -80))]);
    await expect.poll(() => history(served)).toEqual(["1 firing", "1 resolved"]);
    await receiver.until(() => receiver.taken.length >= 2);
    expect(toldOf()).toEqual(["firing", "resolved"]);
  });

  it("finds a page whose views grow by 500 percent", async () => {
    await using served = await open({
      when: change({ of: "n", against: "previous", above: 500 }),
    });
    await send(served, 0, [10, 59, 60, 400, 400]);
    expect(await history(served)).toEqual(["4 firing", "5 resolved"]);
  });

  it("compares with the same window a day ago", async () => {
    await using served = await open({ when: change({ of: "n", against: "day", below: -50 }) });
    await send(served, 0, [100, 100, 100]);
    await send(served, 1440, [100, 40, 90]);
    expect(await history(served)).toEqual(["1442 firing", "1443 resolved"]);
  });

  it("compares with the same window a week ago, and not with the one of yesterday", async () => {
    await using served = await open({ when: change({ of: "n", against: "week", above: 100 }) });
    await send(served, 0, [100, 100, 100]);
    await send(served, 6 * 1440, [10, 10, 10]);
    await send(served, 7 * 1440, [150, 250, 150]);
    expect(await history(served)).toEqual(["10082 firing", "10083 resolved"]);
  });

  it.each([
    ["standard deviations", zscore],
    ["median deviations", mad],
  ] as const)("finds what lies %s away from the group's own past", async (_, condition) => {
    await using served = await open({ when: condition({ of: "n", over: "1h", above: 4 }) });
    await send(served, 0, [10, 12, 9, 11, 10, 12, 9, 60, 11, 10]);
    expect(await history(served)).toEqual(["8 firing", "9 resolved"]);
  });

  it("ends when a window passes without a result of the group", async () => {
    await using served = await open({ when: threshold({ of: "n", above: 100 }) });
    await send(served, 0, [150, null, null]);
    await send(served, 0, [1, 1, 1, 1], "other");
    expect(await history(served)).toContain("1 firing");
    await send(served, 4, [1], "other");
    expect((await history(served)).at(-1)).toMatch(/resolved$/);
  });

  it("looks only at results that fulfil `where`", async () => {
    await using served = await open({
      when: threshold({ of: "n", above: 100 }),
      where: col("rows").gt(1),
    });
    await send(served, 0, [500]);
    expect(await history(served)).toEqual([]);
  });

  it("finds a group of which nothing comes any more, and its return", async () => {
    await using served = await open({ when: absent({ for: "50ms" }) });
    await send(served, 0, [1]);
    await expect.poll(() => history(served)).toHaveLength(1);
    await send(served, 5, [1]);
    const states = (await history(served)).map((one) => one.split(" ")[1]);
    expect(states.slice(0, 2)).toEqual(["firing", "resolved"]);
  });
});

describe("who hears of an alert", () => {
  const when = threshold({ of: "n", above: 100 });

  it("is told no more often than the limit says", async () => {
    await using served = await open({ when, limit: { notifications: 2, per: "1h" } });
    await send(served, 0, [150, 1, 150, 1, 150, 1]);
    expect(await history(served)).toEqual([
      "1 firing",
      "2 resolved",
      "3 firing",
      "4 resolved",
      "5 firing* limit",
      "6 resolved*",
    ]);
  });

  it("is told nothing while the group is silenced", async () => {
    await using served = await open({ when });
    const silence = await served.fetch("/v1/alerts/spike/silence", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ for: "1h", group: { page: "home" } }),
    });
    expect(silence.status).toBe(200);
    await send(served, 0, [150]);
    await send(served, 1, [150], "news");
    expect((await history(served))[0]).toBe("1 firing* silenced");
    expect((await history(served, "news"))[0]).toBe("2 firing");
    await served.fetch("/v1/alerts/spike/silence", { method: "DELETE" });
    await send(served, 5, [150]);
    expect((await history(served)).at(-1)).toBe("6 firing");
  });

  it("is told nothing of what is long past", async () => {
    await using served = await open({ when, staleAfter: "1s" });
    const past = new Date(Date.now() - 3_600_000).toISOString();
    const later = new Date(Date.now() - 3_000_000).toISOString();
    const lines = [
      { at: past, page: "home", views: 150 },
      { at: later, page: "clock", views: 0 },
    ];
    await served.post(
      "/v1/datasets/views/rows",
      lines.map((one) => JSON.stringify(one)).join("\n"),
    );
    await served.platform.engine.tick();
    expect((await history(served))[0]).toMatch(/firing\* stale$/);
  });

  it("gets a test on demand", async () => {
    await using served = await open({ when });
    expect((await served.fetch("/v1/alerts/spike/test", { method: "POST" })).status).toBe(200);
    await receiver.until(() => receiver.taken.length >= 1);
    expect(toldOf()).toEqual(["test"]);
  });
});

describe("after a restart", () => {
  it.each([true, false])(
    "alerts go on where they were (checkpoint before it: %s)",
    async (isWritten) => {
      const spec = { when: threshold({ of: "n", above: 100 }), for: "1m" };
      {
        await using served = await open(spec);
        await send(served, 0, [150, 150, 150]);
        await receiver.until(() => receiver.taken.length >= 1);
        if (isWritten) await served.platform.engine.checkpoint("test");
      }
      await using served = await open(spec);
      const { alerts } = (await (await served.fetch("/v1/alerts")).json()) as {
        alerts: readonly unknown[];
      };
      expect(alerts).toMatchObject([
        { name: "spike", firing: 1, groups: [{ group: { page: "home" } }] },
      ]);
      await send(served, 3, [150, 10]);
      await receiver.until(() => receiver.taken.length >= 2);
      expect(toldOf()).toEqual(["firing", "resolved"]);
      expect(await history(served)).toEqual(["1 pending*", "2 firing", "5 resolved"]);
    },
  );
});

describe("while an alert is silenced, a restart", () => {
  it.each([true, false])("changes nothing (checkpoint before it: %s)", async (isWritten) => {
    const spec = { when: threshold({ of: "n", above: 100 }) };
    {
      await using served = await open(spec);
      await served.fetch("/v1/alerts/spike/silence", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ for: "1h", group: { page: "home" } }),
      });
      if (isWritten) await served.platform.engine.checkpoint("test");
    }
    await using served = await open(spec);
    await send(served, 0, [150]);
    expect(await history(served)).toEqual(["1 firing* silenced"]);
    expect(receiver.all).toEqual([]);
  });
});

describe("ten thousand groups", () => {
  it("fire at once, each is told of once, and all end again", { timeout: 60_000 }, async () => {
    const groups = 10_000;
    const batched = defineProject({
      name: "pages",
      datasets: { views },
      windows: { per_minute },
      alerts: {
        spike: alert({
          on: per_minute,
          when: threshold({ of: "n", above: 100 }),
          staleAfter: "3650d",
        }),
        few: alert({
          on: per_minute,
          when: threshold({ of: "n", above: 100 }),
          staleAfter: "3650d",
          limit: { notifications: 100, per: "1h" },
        }),
      },
      sinks: {
        hook: webhook({
          from: "spike",
          url: receiver.url,
          allowPrivateAddresses: true,
          batch: 1000,
        }),
      },
    });
    await using served = await openServed(batched, { directory });
    const lines = (minute: number, value: number): string =>
      Array.from({ length: groups }, (_, index) => viewLine(minute, `p${index}`, value)).join("\n");
    await served.post("/v1/datasets/views/rows", lines(0, 150));
    await served.post("/v1/datasets/views/rows", lines(1, 1));
    await served.post("/v1/datasets/views/rows", viewLine(2, "clock", 0));
    const rows = (): readonly { readonly id: string; readonly row: { readonly state: string } }[] =>
      receiver.taken.flatMap(({ json }) => json["deliveries"] as never[]);
    await receiver.until(() => rows().length >= 2 * groups);
    expect(new Set(rows().map(({ id }) => id)).size).toBe(2 * groups);
    expect(rows().filter(({ row }) => row.state === "firing")).toHaveLength(groups);
    const { alerts } = (await (await served.fetch("/v1/alerts")).json()) as {
      alerts: readonly unknown[];
    };
    expect(alerts).toMatchObject([
      { name: "few", firing: 0, pending: 0 },
      { name: "spike", firing: 0, pending: 0 },
    ]);
    await using connection = await served.platform.database.connect();
    const told = await connection.values(
      sql`SELECT state, notify, suppressed, count(*) FROM few GROUP BY ALL ORDER BY ALL`,
    );
    expect(told).toEqual([
      ["firing", false, "limit", 9900n],
      ["firing", true, null, 100n],
      ["resolved", false, null, 9900n],
      ["resolved", true, null, 100n],
    ]);
  });
});
