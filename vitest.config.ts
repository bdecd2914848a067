import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import LongestFirst from "./test/helpers/longest-first.ts";

// Hundreds of instances, runners and threads are started: what Node compiles is kept for the next one, as
// `npm start` keeps it.
process.env.NODE_COMPILE_CACHE ??= resolve("node_modules/.cache/node-compile-cache");

const cores = availableParallelism();
/** Tests that start processes of the App or the Action, browsers or database servers. */
const PROCESSES = [
  "test/e2e/**/*.test.ts",
  "test/integration/action/*.test.ts",
  "test/**/*.processes.test.ts",
];

const project = (
  name: string,
  groupOrder: number,
  more: {
    include: string[];
    exclude?: string[];
    isolate: boolean;
    maxWorkers: number;
    env?: Record<string, string>;
  },
) => ({
  test: {
    name,
    // One group after the other.
    sequence: { groupOrder },
    setupFiles: ["./test/helpers/setup.ts"],
    // Last resorts, see test/helpers/patience.ts.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    ...more,
  },
});

export default defineConfig({
  test: {
    pool: "forks",
    globalSetup: ["./test/helpers/global-setup.ts"],
    // A failed comparison shows what it got, and not only how much.
    chaiConfig: { truncateThreshold: 2_000 },
    reporters: ["./test/helpers/progress-reporter.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      project("processes", 0, {
        include: PROCESSES,
        isolate: true,
        // They wait for half of their time.
        maxWorkers: 2 * cores,
        env: { TEST_MAY_START_PROCESSES: "yes" },
      }),
      // What they import is loaded once for all files of a worker.
      project("in process", 1, {
        include: ["test/{unit,integration,contract,simulator}/**/*.test.ts"],
        exclude: PROCESSES,
        isolate: false,
        // Some wait for an instance or a command.
        maxWorkers: cores + 1,
      }),
    ],
  },
});
