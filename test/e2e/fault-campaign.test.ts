import { describe, expect, inject, test } from "vitest";
import { runCampaign } from "../campaign/campaign.ts";
import { createDatabase } from "../helpers/postgres.ts";
import { ENGINES } from "../helpers/stores.ts";

const SIZE = { events: 45, kills: 6, connections: 16, rate: 60 };
/** Its six kills are of six kinds, both instances at once among them. `npm run test:stress` draws others. */
const SEED = Number(process.env.TEST_SEED ?? 101);

/** The short form of `npm run campaign`. */
describe("every promise is kept while instances, runners and commands are killed", () => {
  for (const engine of ENGINES)
    test(`${engine}, seed ${SEED}`, async () => {
      const again = `npm run campaign -- --store ${engine} --seed ${SEED} --events ${SIZE.events} --kills ${SIZE.kills} --rate ${SIZE.rate}`;
      const report = await runCampaign({
        seed: SEED,
        ...SIZE,
        ...(engine === "postgres" && { postgresUrl: await createDatabase(inject("postgresUrl")) }),
        waitForGitHub: false,
      });
      expect(report.violations, again).toEqual([]);
      expect(report.figures).toMatchObject({ events: SIZE.events, kills: SIZE.kills });
    });
});
