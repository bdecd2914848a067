import { describe, expect, inject, test, vi } from "vitest";
import { runRound } from "../campaign/end-to-end/round.ts";
import { ENGINES } from "../helpers/stores.ts";

// A busy machine takes its time to find what GitHub did not deliver.
vi.setConfig({ testTimeout: 1_200_000 });

const LENGTH_MS = 12_000;
/** Supervised on SQLite, on their own on PostgreSQL. */
const SEEDS = { sqlite: 2, postgres: 6 };

/** The short form of `npm run campaign`, with one history on each store that is always the same. */
describe.concurrent("every promise is kept while GitHub delivers to the App's URL alone and things break", () => {
  for (const engine of ENGINES)
    test(`${engine}, seed ${SEEDS[engine]}`, async () => {
      const seed = SEEDS[engine];
      const again = `npm run campaign -- --store ${engine} --seed ${seed} --length ${LENGTH_MS / 1000} --minutes 0`;
      const report = await runRound({
        seed,
        lengthMs: LENGTH_MS,
        ...(engine === "postgres" && { server: { url: inject("postgresUrl") } }),
      });
      expect(report.violations, again).toEqual([]);
      expect(report.faults).toBeGreaterThan(2);
    });
});
