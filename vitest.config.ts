import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["kurobe-source"] },
  ssr: { resolve: { conditions: ["kurobe-source"] } },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
    // Half of the tests wait for servers and disks: a machine of two cores can have two at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    setupFiles: ["test/support/seed.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A busy machine makes a test slow, not red.
    expect: { poll: { timeout: 30_000 } },
  },
});
