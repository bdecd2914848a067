import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/{unit,integration,e2e,contract}/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 3,
    globalSetup: ["./test/helpers/global-setup.ts"],
    // Many tests run whole systems of processes; on a busy shared machine one may run out of time for once.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/helpers/count-reporter.ts"],
  },
});
