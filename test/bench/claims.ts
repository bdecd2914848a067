import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Acceptor } from "../../app/accept/acceptor.ts";
import { systemClock } from "../../app/clock.ts";
import type { StoreAddress } from "../../app/config/store-address.ts";
import { claim } from "../../app/queue/claim/claim.ts";
import { finish } from "../../app/queue/finish.ts";
import { openStore } from "../../app/store/open-store.ts";
import { runArrival, testTarget } from "../helpers/arrivals.ts";
import { startPostgres } from "../helpers/postgres.ts";
import { type Comparison, compare, type Spread, spread } from "./statistics.ts";
import { takeTurns } from "./turns.ts";

export const WAITING = 1_500;
const CLAIMS_PER_ROUND = 40;

/** Claims a second of one engine, with many waiting deployments and with none. */
export interface ClaimResult {
  engine: StoreAddress["engine"];
  waiting: Spread;
  none: Spread;
  /** The first to the second. */
  ratio: Comparison;
}

/** Measures the claims of a target with `queue: all`, on both engines; every commit reaches the disk. */
export async function measureClaims(
  { rounds }: { rounds: number },
  note: (line: string) => void,
): Promise<ClaimResult[]> {
  const directory = mkdtempSync(join(tmpdir(), "twinhook-bench-claims-"));
  const postgres = await startPostgres();
  try {
    const results: ClaimResult[] = [];
    for (const engine of ["sqlite", "postgres"] as const) {
      note(`claims: ${engine}`);
      const address = async (name: string): Promise<StoreAddress> =>
        engine === "sqlite"
          ? { engine, path: join(directory, `${name}.db`) }
          : { engine, url: await postgres.createDatabase() };
      const full = await queueWith(await address("full"), WAITING);
      const empty = await queueWith(await address("empty"), 0);
      const turns = await takeTurns([full, empty], rounds + 1, ({ claimsPerSecond }) => claimsPerSecond());
      await Promise.all([full.close(), empty.close()]);
      // The first round warms up.
      const [waiting = [], none = []] = [full, empty].map((queue) => turns.get(queue)?.slice(1));
      results.push({ engine, waiting: spread(waiting), none: spread(none), ratio: compare(waiting, none) });
    }
    return results;
  } finally {
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A store in which `waiting` deployments of one target wait, also while it is measured. */
async function queueWith(address: StoreAddress, waiting: number) {
  const store = await openStore(address, { clock: systemClock });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "bench", onQueued: () => {} });
  const target = testTarget({ queue: "all" });
  let run = 100;
  const accept = () => acceptor.accept(runArrival(++run, [target], { guid: `guid-${run}` }));
  await Promise.all(Array.from({ length: waiting }, accept));
  const who = { holder: "bench", instance: "bench", host: "bench", lock: null };
  const request = { ...who, repositoryKey: "acme/site", target: target.name, queue: target.queue };
  return {
    async claimsPerSecond(): Promise<number> {
      let ms = 0;
      for (let claims = 0; claims < CLAIMS_PER_ROUND; claims++) {
        await accept();
        const from = performance.now();
        const claimed = await claim(store, { ...request, workflow: target.workflow });
        ms += performance.now() - from;
        if (claimed.kind !== "claimed") throw new Error(`expected a claim, got ${claimed.kind}`);
        const { id: deploymentId, token } = claimed.deployment;
        const end = { status: "succeeded", exitCode: 0, reason: null } as const;
        await finish(store, { deploymentId, holder: "bench", token }, end);
      }
      return (CLAIMS_PER_ROUND / ms) * 1_000;
    },
    close: () => store.close(),
  };
}
