import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PLATFORM_SETTINGS, tickLines, ticksProject } from "../../test/support/served-platform.ts";
import { systemClock } from "../core/clock.ts";
import { resolveProject } from "../plan/resolve.ts";
import { openPlatform } from "./open-platform.ts";

it("a log that nothing comes to any more lets go of what checkpoints hold", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kurobe-idle-"));
  let aheadUs = 0n;
  const clock = { ...systemClock, nowUs: () => systemClock.nowUs() + aheadUs };
  const settings = { ...PLATFORM_SETTINGS, dataDirectory: directory };
  {
    await using platform = await openPlatform(resolveProject(ticksProject), settings, { clock });
    await platform.ingest.accept({
      dataset: "ticks",
      format: "ndjson",
      body: Buffer.from(tickLines(100)),
      onInvalid: "dead_letter",
      producer: "",
      idempotencyKey: "",
    });
    // As many as are kept to fall back on: the oldest decides what the log must hold.
    for (let count = 0; count < 3; count++) await platform.engine.checkpoint("test");
    expect(platform.log.firstPosition).toBe(1);
    aheadUs = 7_200_000_000n;
    await expect.poll(() => platform.log.firstPosition, { timeout: 20_000 }).toBe(2);
    expect(platform.log.stats().segments).toBe(1);
  }
  await rm(directory, { recursive: true });
});
