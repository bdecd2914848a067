import { describe, expect, inject, test } from "vitest";
import { runCampaign } from "../campaign/campaign.ts";
import { createDatabase } from "../helpers/postgres.ts";
import { ENGINES } from "../helpers/stores.ts";

const SIZE = { events: 150, kills: 8, connections: 16, rate: 60 };
/** Its eight kills are of six kinds, both instances at once among them. */
const FIXED_SEED = 45;

/** The short form of `npm run campaign`: one schedule that is always the same, and one that never is. */
describe("every promise is kept while instances, runners and commands are killed", () => {
  const random = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

  // One random schedule a run is enough, on whichever store its seed picks.
  const engineOfRandom = ENGINES[random % ENGINES.length];
  for (const engine of ENGINES)
    for (const seed of engine === engineOfRandom ? [FIXED_SEED, random] : [FIXED_SEED])
      test(`${engine}, ${seed === random ? "a seed of its own" : `seed ${seed}`}`, async () => {
        const again = `npm run campaign -- --store ${engine} --seed ${seed} --events ${SIZE.events} --kills ${SIZE.kills} --rate ${SIZE.rate}`;
        console.log(`repeat this schedule by: ${again}`);
        const report = await runCampaign({
          seed,
          ...SIZE,
          ...(engine === "postgres" && { postgresUrl: await createDatabase(inject("postgresUrl")) }),
          waitForGitHub: false,
        });
        expect(report.violations, again).toEqual([]);
        expect(report.figures).toMatchObject({ events: SIZE.events, kills: SIZE.kills });
      });
});
