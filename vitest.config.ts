import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["kurobe-source"] },
  ssr: { resolve: { conditions: ["kurobe-source"] } },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
    setupFiles: ["test/support/seed.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
