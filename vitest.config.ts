import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/{unit,integration,e2e,contract}/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 3,
    globalSetup: ["./test/helpers/global-setup.ts"],
    // Many tests run whole systems of processes; on a busy shared machine one may run out of time for once.
    retry: process.env.CI ? 1 : 0,
    // Hundreds of instances are started: what Node compiles is kept for the next one, as `npm start` keeps it.
    env: { NODE_COMPILE_CACHE: resolve("node_modules/.cache/node-compile-cache") },
    testTimeout: 60_000,
    // What is polled for may take its time on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
    reporters: ["default", "./test/helpers/count-reporter.ts"],
  },
});
