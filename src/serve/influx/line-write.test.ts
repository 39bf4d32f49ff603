import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { HttpError, InfluxDB, Point, setLogger } from "@influxdata/influxdb-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openServed, type Served, TOKEN } from "../../../test/support/served-platform.ts";
import { column, dataset, defineProject } from "../../index.ts";

/** 2025-01-01, before now whenever the tests run. */
const DAY_S = 1_735_689_600;

const project = defineProject({
  name: "plant",
  datasets: {
    cpu: dataset({
      columns: {
        time: column.timestamp(),
        host: column.text().nullable(),
        cpu: column.text().nullable(),
        usage_idle: column.float64(),
        usage_user: column.float64().nullable(),
      },
      eventTime: "time",
    }),
    readings: dataset({
      columns: {
        at: column.timestamp(),
        room: column.text(),
        floor: column.int32().nullable(),
        temperature: column.decimal(6, 2).nullable(),
        count: column.int64().nullable(),
        open: column.boolean().nullable(),
        note: column.text().nullable(),
        since: column.timestamp().nullable(),
      },
      eventTime: "at",
      key: ["room", "at"],
      lineProtocol: { measurements: ["reading", "old reading"], rename: { "is-open": "open" } },
    }),
    metrics: dataset({
      columns: {
        time: column.timestamp(),
        measurement: column.text(),
        host: column.text().nullable(),
        fields: column.json(),
      },
      eventTime: "time",
      lineProtocol: {
        measurements: ["mem", "disk", "net"],
        measurementColumn: "measurement",
        rest: "fields",
      },
    }),
    silent: dataset({
      columns: { time: column.timestamp(), value: column.float64() },
      eventTime: "time",
      lineProtocol: false,
    }),
  },
});

let served: Served;
beforeAll(async () => {
  served = await openServed(project);
});
afterAll(async () => served[Symbol.asyncDispose]());

function ask(sql: string): Promise<unknown[][]> {
  return askOf(served, sql);
}

async function askOf(server: Served, sql: string): Promise<unknown[][]> {
  const response = await server.fetch("/v1/sql", {
    method: "POST",
    body: sql,
    headers: { "content-type": "text/plain" },
  });
  return ((await response.json()) as { rows: unknown[][] }).rows;
}

function write(
  body: string | Uint8Array,
  query = "db=plant&precision=s",
  headers: Record<string, string> = {},
): Promise<Response> {
  return served.fetch(`/write?${query}`, { method: "POST", body, headers });
}

describe("writing line protocol", () => {
  it("stores points of several measurements with their types, and answers 204", async () => {
    const body = [
      "# Telegraf's comment",
      `cpu,host=a,cpu=cpu0 usage_idle=97.5,usage_user=1 ${DAY_S}`,
      "",
      `reading,room=east\\ wing,floor=3 temperature=21.456,count=7i,is-open=t,note="a \\"b\\", c" ${DAY_S}`,
      `mem,host=a total=16777216i,used_percent=41.5,ok=true,name="x" ${DAY_S}`,
    ].join("\n");
    const response = await write(body);
    expect(response.status).toBe(204);
    expect(await response.text()).toBe("");
    expect(await ask("SELECT * FROM cpu WHERE host = 'a'")).toEqual([
      ["2025-01-01T00:00:00.000000Z", "a", "cpu0", 97.5, 1],
    ]);
    expect(await ask("SELECT * FROM readings WHERE room = 'east wing'")).toEqual([
      ["2025-01-01T00:00:00.000000Z", "east wing", 3, "21.46", 7, true, 'a "b", c', null],
    ]);
    expect(await ask("SELECT measurement, host, fields FROM metrics")).toEqual([
      ["mem", "a", { total: 16777216, used_percent: 41.5, ok: true, name: "x" }],
    ]);
  });

  it.each([
    ["n", "1735689601000000000"],
    ["ns", "1735689601000000999"],
    ["u", "1735689601000000"],
    ["ms", "1735689601000"],
    ["s", "1735689601"],
    ["", "1735689601000000000"],
  ])("reads times in the unit %s", async (precision, time) => {
    const room = `unit-${precision}`;
    const response = await write(
      `reading,room=${room} count=1i ${time}`,
      `db=x&precision=${precision}`,
    );
    expect(response.status).toBe(204);
    expect(await ask(`SELECT "at" FROM readings WHERE room = '${room}'`)).toEqual([
      ["2025-01-01T00:00:01.000000Z"],
    ]);
  });

  it("reads minutes and hours, and takes the time of arrival where there is none", async () => {
    await write("reading,room=minutes count=1i 28928160", "db=x&precision=m");
    await write("reading,room=hours count=1i 482136", "db=x&precision=h");
    await write("reading,room=now count=1i", "db=x");
    expect(
      await ask(`SELECT room, "at" FROM readings WHERE room IN ('minutes', 'hours') ORDER BY 1`),
    ).toEqual([
      ["hours", "2025-01-01T00:00:00.000000Z"],
      ["minutes", "2025-01-01T00:00:00.000000Z"],
    ]);
    const [[isNow]] = (await ask(
      `SELECT abs(date_diff('second', "at", now()::TIMESTAMP)) < 600 FROM readings WHERE room = 'now'`,
    )) as [[boolean]];
    expect(isNow).toBe(true);
  });

  it("undoes gzip", async () => {
    const body = gzipSync(`reading,room=zip count=1i ${DAY_S}`);
    const response = await write(body, "db=x&precision=s", { "content-encoding": "gzip" });
    expect(response.status).toBe(204);
    expect(await ask("SELECT count(*) FROM readings WHERE room = 'zip'")).toEqual([[1]]);
  });

  it("takes the same bytes once, whichever answer was lost", async () => {
    const body = `cpu,host=twice usage_idle=1 ${DAY_S}\nmem,host=twice total=1i ${DAY_S}`;
    const first = await write(body);
    const again = await write(body);
    expect([first.status, again.status]).toEqual([204, 204]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await ask("SELECT count(*) FROM cpu WHERE host = 'twice'")).toEqual([[1]]);
    expect(await ask("SELECT count(*) FROM metrics WHERE host = 'twice'")).toEqual([[1]]);
  });

  it("takes equal points without a time as many as come", async () => {
    const body = "cpu,host=timeless usage_idle=1";
    await write(body);
    await write(body);
    expect(await ask("SELECT count(*) FROM cpu WHERE host = 'timeless'")).toEqual([[2]]);
  });

  it("lets an older value come back where a key tells points apart", async () => {
    const point = (count: number): string => `reading,room=back count=${count}i ${DAY_S}`;
    for (const count of [1, 2, 1]) await write(point(count));
    expect(await ask("SELECT count FROM readings WHERE room = 'back'")).toEqual([[1]]);
  });
});

describe("points that cannot be taken", () => {
  it("are dead letters of their datasets, and the answer is InfluxDB's", async () => {
    const body = [
      `cpu,host=bad usage_idle=1 ${DAY_S}`,
      `cpu,host=bad usage_idle="high" ${DAY_S}`,
      `cpu,host=bad usage_idle=`,
      `unheard,host=bad value=1 ${DAY_S}`,
    ].join("\n");
    const response = await write(body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: string };
    expect(error).toMatch(/^partial write: unable to parse 'cpu,host=bad usage_idle="high"/);
    expect(error).toContain("usage_idle: expected float64, found text");
    expect(error).toContain("unable to parse 'cpu,host=bad usage_idle=': missing field value");
    expect(error).toContain('no dataset takes the measurement "unheard"');
    expect(error).toMatch(/ dropped=3$/);
    expect(await ask("SELECT count(*) FROM cpu WHERE host = 'bad'")).toEqual([[1]]);
    expect(
      await ask("SELECT line, reason, format, raw FROM cpu.dead_letters ORDER BY line"),
    ).toEqual([
      [
        2,
        'usage_idle: expected float64, found text "high"',
        "lineprotocol",
        `cpu,host=bad usage_idle="high" ${DAY_S}000000000`,
      ],
      [3, "missing field value", "lineprotocol", "cpu,host=bad usage_idle="],
    ]);
    expect(await ask("SELECT line, raw FROM line_protocol.dead_letters")).toEqual([
      [4, `unheard,host=bad value=1 ${DAY_S}000000000`],
    ]);
    const listed = await served.fetch("/v1/datasets/line_protocol/dead-letters");
    expect(((await listed.json()) as { deadLetters: unknown[] }).deadLetters).toHaveLength(1);
  });

  it("leave no trace of the good ones' answer where all are bad", async () => {
    const response = await write("cpu");
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: "unable to parse 'cpu': missing fields" });
  });

  it.each([
    ["silent value=1", "no dataset takes the measurement"],
    [`cpu,host=a,host=b usage_idle=1`, "duplicate tags"],
    [`cpu,host=a host="b",usage_idle=1`, '"host" comes twice'],
    [`cpu usage_idle=1,swap=2`, 'cpu has no column for "swap"'],
    [`cpu usage_user=1`, "column usage_idle is missing"],
    [`reading,room=x,floor=high count=1i`, "floor: expected int32"],
    [`reading,room=x count=1.5`, "count: expected int64"],
    [`reading,room=x count=9223372036854775808i`, "beyond int64"],
    [`reading,room=x is-open="yes"`, "is-open: expected true or false"],
    [`reading,room=x note=1`, "note: expected text"],
    [`reading,room=x since="soon"`, "since: expected a timestamp"],
    [`reading,room=x count=1i 9999999999999999999999`, "time outside range"],
    [`reading,room=x count=1i 4102444800`, "further in the future than maxFutureSkew allows"],
    [`reading,room=x note="${"x".repeat(1_100_000)}"`, "is longer than 1048576"],
  ])("say why: %s", async (line, reason) => {
    const response = await write(line);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toContain(reason);
  });

  it("say so of bytes that are no UTF-8", async () => {
    const body = Buffer.concat([
      Buffer.from("cpu,host="),
      Buffer.of(0xff),
      Buffer.from(" usage_idle=1"),
    ]);
    expect(((await (await write(body)).json()) as { error: string }).error).toContain("not UTF-8");
  });
});

describe("a body for several datasets", () => {
  it("comes back whole from the log, and its dead letters once the project has a place", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kurobe-lines-"));
    try {
      const body = `cpu,host=a usage_idle=1 ${DAY_S}\nreading,room=a count=2i ${DAY_S}\nlater value=3`;
      {
        await using first = await openServed(project, { directory });
        // The checkpoint knows the plan under which the log is to be read.
        await first.platform.engine.checkpoint("test");
        const sent = { method: "POST", body };
        const response = await first.fetch("/write?db=x&precision=s", sent);
        expect(response.status).toBe(400);
      }
      const later = dataset({
        columns: { time: column.timestamp(), value: column.float64() },
        eventTime: "time",
      });
      const { name, datasets } = project.spec;
      const mended = defineProject({ name, datasets: { ...datasets, later } });
      await using second = await openServed(mended, { directory });
      const counts =
        "SELECT (SELECT count(*) FROM cpu), (SELECT count(*) FROM readings), (SELECT count(*) FROM later)";
      expect(await askOf(second, counts)).toEqual([[1, 1, 0]]);
      const retry = "/v1/datasets/line_protocol/dead-letters/retry";
      const retried = await second.fetch(retry, { method: "POST" });
      expect(await retried.json()).toMatchObject({ retried: 1, accepted: 1, rejected: 0 });
      expect(await askOf(second, counts)).toEqual([[1, 1, 1]]);
      expect(await askOf(second, "SELECT count(*) FROM line_protocol.dead_letters")).toEqual([[0]]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe("the parts of a request", () => {
  it.each([
    ["/write?db=x&precision=d", 400, { error: expect.stringContaining("invalid precision") }],
    ["/write", 400, { error: expect.stringContaining("database is required") }],
    [
      "/api/v2/write?bucket=x&precision=m",
      400,
      { code: "invalid", message: expect.stringContaining("invalid precision") },
    ],
    [
      "/api/v2/write?org=x",
      400,
      { code: "invalid", message: expect.stringContaining("bucket is required") },
    ],
  ])("are checked: %s", async (path, status, body) => {
    const response = await served.fetch(path, { method: "POST", body: "cpu usage_idle=1" });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(body);
  });

  it.each([
    ["Token", { authorization: `Token ${TOKEN}` }, ""],
    ["Token with a user", { authorization: `Token telegraf:${TOKEN}` }, ""],
    ["Basic", { authorization: `Basic ${btoa(`telegraf:${TOKEN}`)}` }, ""],
    ["the URL", {}, `&u=telegraf&p=${TOKEN}`],
  ])("carry the token: %s", async (_, headers, query) => {
    const url = `${served.server.url}/write?db=x${query}`;
    const point = `reading,room=token count=1i ${DAY_S}000000000`;
    expect((await fetch(url, { method: "POST", body: point, headers })).status).toBe(204);
    const wrong = url.replace(TOKEN, "wrong");
    const refused = await fetch(wrong, {
      method: "POST",
      body: point,
      headers: query === "" ? { authorization: "Token wrong" } : {},
    });
    expect(refused.status).toBe(401);
    expect(await refused.json()).toEqual({ error: expect.stringContaining("token") });
  });

  it("carry no token in a URL elsewhere", async () => {
    const response = await fetch(`${served.server.url}/v1/status?p=${TOKEN}`);
    expect(response.status).toBe(401);
  });
});

describe("the official client", () => {
  it("writes points of every type", async () => {
    const influx = new InfluxDB({ url: served.server.url, token: TOKEN });
    const api = influx.getWriteApi("team", "plant", "ms", { gzipThreshold: 0, maxRetries: 0 });
    for (let i = 0; i < 100; i++) {
      const point = new Point("reading")
        .tag("room", `client, ${i}`)
        .intField("count", i)
        .floatField("temperature", 20.5)
        .booleanField("is-open", true)
        .stringField("note", 'say "hi" \\ bye')
        .timestamp(DAY_S * 1000 + i);
      api.writePoint(point);
    }
    await api.close();
    const [row] = await ask(
      "SELECT count(*), sum(count), min(note) FROM readings WHERE room LIKE 'client, %'",
    );
    expect(row).toEqual([100, 4950, 'say "hi" \\ bye']);
  });

  // It prints what it is told, failures that we ask for included.
  beforeAll(() => void setLogger({ error: () => undefined, warn: () => undefined }));

  it("is told of points that were dropped", async () => {
    const influx = new InfluxDB({ url: served.server.url, token: TOKEN });
    const failures: unknown[] = [];
    const api = influx.getWriteApi("team", "plant", "s", {
      maxRetries: 0,
      writeFailed: (error) => void failures.push(error),
    });
    api.writeRecord(`reading,room=dropped count=1i ${DAY_S}`);
    api.writeRecord(`reading,room=dropped count=one ${DAY_S}`);
    await api.close().catch(() => undefined);
    const [failure] = failures;
    expect(failure).toBeInstanceOf(HttpError);
    const { statusCode, code, message } = failure as HttpError & { code: string };
    expect([statusCode, code]).toEqual([400, "invalid"]);
    expect(message).toMatch(/^partial write: unable to parse .*: invalid boolean dropped=1$/);
  });
});

describe("Telegraf and loaders", () => {
  it("find the database that they ask for", async () => {
    const get = await served.fetch("/query?q=show%20databases");
    expect(await get.json()).toEqual({
      results: [
        {
          statement_id: 0,
          series: [{ name: "databases", columns: ["name"], values: [["plant"]] }],
        },
      ],
    });
    const form = await served.fetch("/query", {
      method: "POST",
      body: new URLSearchParams({ q: 'CREATE DATABASE "telegraf"' }),
    });
    expect(await form.json()).toEqual({ results: [{ statement_id: 0 }] });
    const loader =
      "/query?consistency=all&q=CREATE%20DATABASE%20benchmark%20WITH%20REPLICATION%201";
    expect((await served.fetch(loader, { method: "POST" })).status).toBe(200);
    const other = await served.fetch("/query?q=SELECT%20*%20FROM%20cpu");
    expect(other.status).toBe(400);
    expect(await other.json()).toEqual({ error: expect.stringContaining("POST /v1/sql") });
  });

  it("see that the server is there, without a token", async () => {
    const ping = await fetch(`${served.server.url}/ping`);
    expect([ping.status, ping.headers.get("x-influxdb-build")]).toEqual([204, "Kurobe"]);
    const head = await fetch(`${served.server.url}/ping`, { method: "HEAD" });
    expect(head.status).toBe(204);
    const health = await fetch(`${served.server.url}/health`);
    expect(await health.json()).toMatchObject({ status: "pass", checks: [] });
  });

  it("are read as Telegraf 1.x prints its metrics", async () => {
    // Printed by the inputs cpu, mem, disk and net of a Telegraf agent.
    const body = `cpu,cpu=cpu-total,host=web-1 usage_user=2.2613065326638495,usage_idle=96.48241206030173 1735689610000000000
mem,host=web-1 active=1718931456i,available_percent=83.55186103466285,swap_total=0i 1735689610000000000
disk,device=sda1,fstype=ext4,host=web-1,mode=rw,path=/ free=55226449920i,inodes_used=201356i,used_percent=11.75612 1735689610000000000
net,host=web-1,interface=eth0 bytes_recv=3489025u,drop_in=0u,speed=-1i 1735689610000000000
`;
    const url = "/write?db=telegraf&precision=ns&consistency=any&rp=";
    const response = await served.fetch(url, { method: "POST", body });
    expect(response.status).toBe(204);
    expect(
      await ask(
        "SELECT measurement, fields->>'path', fields->>'speed', fields->>'free' FROM metrics WHERE host = 'web-1' ORDER BY 1",
      ),
    ).toEqual([
      ["disk", "/", null, "55226449920"],
      ["mem", null, null, null],
      ["net", null, "-1", null],
    ]);
  });
});
