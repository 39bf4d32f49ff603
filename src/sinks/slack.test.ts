import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { alertProject, sendViews, testAlert } from "../../test/support/alert-project.ts";
import { sinkOf } from "../../test/support/sink-traffic.ts";
import { answer, openReceiver, type Received, type Receiver } from "../../test/support/receiver.ts";
import { openServed } from "../../test/support/served-platform.ts";
import { change, secret, slack, type AlertSpec, type SlackSpec } from "../index.ts";

let receiver: Receiver;
beforeEach(async () => {
  receiver = await openReceiver();
  process.env["TEST_SLACK_URL"] = `${receiver.url}/services/T0/B0/token`;
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
});

const project = (spec: Partial<SlackSpec> = {}, alert: Partial<AlertSpec> = {}): unknown =>
  alertProject(
    slack({
      url: secret("TEST_SLACK_URL"),
      allowPrivateAddresses: true,
      every: "10ms",
      retry: { first: "5ms", max: "20ms" },
      ...spec,
    }),
    alert,
  );

interface Block {
  readonly text?: { readonly text: string };
  readonly elements?: readonly { readonly text: string }[];
}

/** All text of a message's blocks, line by line. */
function linesOf({ json }: Received): readonly string[] {
  const blocks = json["blocks"] as readonly Block[];
  return blocks.flatMap(({ text, elements }) =>
    [text?.text ?? [], (elements ?? []).map((one) => one.text)]
      .flat(2)
      .flatMap((one) => one.split("\n")),
  );
}

describe("a message of an alert", () => {
  it("says state, group, value, bound, window and link, and nothing in it is markup", async () => {
    await using served = await openServed(project({ link: "https://example.com/d?page={page}" }));
    await sendViews(served, [10, 150], "<!channel> & co");
    await receiver.until(() => receiver.taken.length >= 1);
    const [message] = receiver.taken;
    if (message === undefined) throw new Error("nothing came");
    expect(message.path).toBe("/services/T0/B0/token");
    expect(message.json["text"]).toBe(
      "spike is firing (page &lt;!channel&gt; &amp; co): n is 150 (fires above 100).",
    );
    expect(linesOf(message)).toEqual([
      ":red_circle: *spike is firing*  page &lt;!channel&gt; &amp; co",
      "n is 150 (fires above 100).",
      "*Window*  per_minute from 2026-01-01 12:01 UTC   *Since*  2026-01-01 12:02 UTC" +
        "   *Fired*  2026-01-01 12:02 UTC   <https://example.com/d?page=%3C!channel%3E%20%26%20co|Open>",
    ]);
  });

  it("says how much more it is than before, and what ended it", async () => {
    const when = change({ of: "n", against: "previous", above: 500, clear: 100 });
    await using served = await openServed(project({}, { when, for: "1m" }));
    await sendViews(served, [10, 70, 980]);
    await receiver.until(() => receiver.taken.length >= 1);
    expect(receiver.taken[0]?.json["text"]).toBe(
      "spike is firing (page home): n is 980, 1300 % more than in the window before " +
        "(fires above 500 %, ends at 100 %), for 1m.",
    );
    await sendViews(served, [0, 0, 0, 980, 1]);
    await receiver.until(() => receiver.taken.length >= 2);
    expect(receiver.taken[1]?.json["text"]).toBe(
      "spike has ended (page home): n is 980, 0 % more than in the window before " +
        "(fires above 500 %, ends at 100 %).",
    );
  });

  it("is sent on request", async () => {
    await using served = await openServed(project());
    await testAlert(served);
    await receiver.until(() => receiver.taken.length >= 1);
    expect(receiver.taken[0]?.json["text"]).toMatch(
      /^spike is being tested: .* Nothing is wrong\.$/,
    );
  });
});

describe("ten thousand alerts at once", () => {
  it("are a few messages, each with the first ones and the number of the others", async () => {
    await using served = await openServed(project());
    const pages = Array.from({ length: 10_000 }, (_, index) => `/page-${index}`);
    await sendViews(served, [150], ...pages);
    await expect
      .poll(() => sinkOf(served), { timeout: 30_000 })
      .toMatchObject({ delivered: 10_000 });
    expect(receiver.taken.length).toBeLessThanOrEqual(12);
    const counts = receiver.taken.map(({ json }) =>
      Number(/\((\d+)\)/.exec(String(json["text"]))?.[1]),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    for (const message of receiver.taken) {
      expect((message.json["blocks"] as unknown[]).length).toBeLessThanOrEqual(50);
      expect(message.body.length).toBeLessThan(40_000);
    }
  });
});

describe("a chat server that", () => {
  it("asks for patience gets it, and then the message", async () => {
    receiver.behave(answer(429, { "retry-after": "1" }));
    await using served = await openServed(project());
    await sendViews(served, [150]);
    await receiver.until(() => receiver.all.length >= 1);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "retrying", lastError: { code: "KRB_SINKS_BUSY" } });
    receiver.behave(null);
    expect(receiver.all).toHaveLength(1);
    await receiver.until(() => receiver.taken.length >= 1);
    expect(receiver.all).toHaveLength(2);
  });

  it("refuses a message of many does not get each of them by itself", async () => {
    receiver.behave(answer(400));
    await using served = await openServed(project({ whenRejected: "skip" }));
    await sendViews(served, [150], "a", "b", "c");
    await expect.poll(() => sinkOf(served)).toMatchObject({ state: "idle", skipped: 3 });
    expect(receiver.all).toHaveLength(1);
  });

  it("is used by two alerts gets messages of both at one pace", async () => {
    const url = secret("TEST_SLACK_URL");
    const one = { url, allowPrivateAddresses: true, every: "150ms" } as const;
    await using served = await openServed(
      alertProject(slack(one), { to: [slack(one), slack(one)] }),
    );
    const arrivals: number[] = [];
    receiver.behave((response) => {
      arrivals.push(performance.now());
      response.writeHead(200).end("ok");
    });
    await sendViews(served, [150]);
    await receiver.until(() => receiver.taken.length >= 2);
    expect((arrivals[1] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(100);
  });
});
