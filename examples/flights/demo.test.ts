import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(ROOT, "dist/cli/main.js");

it("shows flights going in, a kill on the way, and the proof that nothing was lost", async () => {
  if (!existsSync(MAIN)) throw new Error("the package is not built: npm run build");
  const args = [MAIN, "demo", "--rows", "150000", "--exit", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const report = JSON.parse(stdout) as Record<string, object>;
  expect(report).toMatchObject({
    feed: { rows: 150_000 },
    // Each of the four bad rows is refused once, however often their body was sent.
    sent: { accepted: 150_000, rejected: 4, duplicates: 0 },
    proof: { isWhole: true, stored: { flights: 150_000 } },
  });
  const { windows, crash, disk } = report as Record<string, Record<string, number>>;
  expect(crash?.["replayedRows"]).toBeGreaterThan(0);
  expect(windows?.["corrected"]).toBeGreaterThan(0);
  expect(disk?.["chunkBytes"]).toBeGreaterThan(0);
}, 300_000);
