import { describe, inject, test } from "vitest";
import { runHangs } from "../campaign/hangs.ts";
import { createDatabase } from "../helpers/postgres.ts";
import { ENGINES } from "../helpers/stores.ts";

const SIZE = { hangs: 3, longestHangMs: 5_000, longestPauseMs: 3_000, longestLateMs: 3_000 };
const SEED = 1;

/**
 * The short form of `npm run campaign -- --hangs`, with one schedule that is always the same. Most of the time goes
 * into waiting.
 */
describe.concurrent("every run is deployed once and in order while instances hang and GitHub is late", () => {
  for (const engine of ENGINES)
    test(`${engine}, seed ${SEED}`, async ({ expect }) => {
      const { violations, figures } = await runHangs({
        seed: SEED,
        ...SIZE,
        orderWait: "10m",
        ...(engine === "postgres" && { postgresUrl: await createDatabase(inject("postgresUrl")) }),
      });
      expect(violations).toEqual([]);
      expect(figures).toMatchObject({ hangs: SIZE.hangs, superseded_all: 0 });
    });
});
