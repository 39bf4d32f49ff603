import { expect, test } from "vitest";
import { alertProject, sendViews } from "../../../test/support/alert-project.ts";
import { type CliRun, runInMemory } from "../../../test/support/memory-terminal.ts";
import { openReceiver } from "../../../test/support/receiver.ts";
import { openServed, TOKEN } from "../../../test/support/served-platform.ts";
import { webhook } from "../../index.ts";

test("alerts are listed, tested and silenced from the prompt", async () => {
  await using receiver = await openReceiver();
  const sink = webhook({ url: receiver.url, allowPrivateAddresses: true });
  await using served = await openServed(alertProject(sink));
  const kurobe = (...args: readonly string[]): Promise<CliRun> =>
    runInMemory(["alert", ...args, "--url", served.server.url, "--token", TOKEN]);
  const told = (): readonly unknown[] =>
    receiver.taken.map(({ json }) => (json["row"] as { readonly state: string }).state);

  await sendViews(served, [150]);
  await receiver.until(() => told().length >= 1);
  const listed = await kurobe("ls");
  expect(listed).toMatchObject({ code: 0, stderr: "" });
  expect(listed.stdout).toMatch(/spike │ per_minute │ +0 │ +1 │ – +│/);
  expect(listed.stdout).toContain("● spike page=home firing since 2026-01-01T12:01:00");
  expect(JSON.parse((await kurobe("ls", "--json")).stdout)).toMatchObject({
    alerts: [{ name: "spike", firing: 1, groups: [{ group: { page: "home" } }] }],
  });

  expect((await kurobe("test", "spike")).stdout).toContain("on its way");
  await receiver.until(() => told().length >= 2);
  expect(told()).toEqual(["firing", "test"]);

  const silenced = await kurobe("silence", "spike", "--for", "2h", "--group", "page=home");
  expect(silenced.stdout).toContain("page=home");
  const ended = await kurobe("silence", "spike", "--end");
  expect(ended.stdout).toMatch(/spike │ per_minute │ +0 │ +1 │ – +│/);

  const mistakes = [
    await kurobe("test", "nothing"),
    await kurobe("silence", "spike", "--group", "home"),
    await kurobe("silence", "spike", "--group", "colour=red"),
    await kurobe("silence", "spike", "--for", "soon"),
  ];
  expect(mistakes.map(({ code }) => code)).toEqual([1, 1, 1, 1]);
  expect(mistakes[2]?.stderr).toContain("not grouped by colour");
});
