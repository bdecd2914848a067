import { join } from "node:path";
import { systemClock } from "../../../app/clock.ts";
import type { StoreAddress } from "../../../app/config/store-address.ts";
import { openStore } from "../../../app/store/open-store.ts";
import type { Store } from "../../../app/store/store.ts";
import { atTestEnd } from "../at-test-end.ts";
import type { TestHost } from "../test-host.ts";

/** Longer than an alert waits before it is told, and the time for which a limit holds. */
const LONG_MS = 60_000;
/** How often to look for alerts that wait. */
const LOOK_MS = 100;

/** Until the test ends, no alert in this store waits before it is told or tried again. */
export function alertsAreDueAtOnce(store: Store): void {
  const stop = new AbortController();
  const work = async () => {
    while (!stop.signal.aborted) {
      // A test may hold the store.
      await makeAlertsDue(store).catch(() => {});
      await systemClock.sleep(LOOK_MS, stop.signal).catch(() => {});
    }
  };
  const working = work();
  atTestEnd(() => {
    stop.abort();
    return working;
  });
}

/** The same for the store of this host, which must exist. */
export async function alertsOfHostAreDueAtOnce(host: TestHost): Promise<void> {
  const { DATABASE_URL: url } = host.env;
  const address: StoreAddress = url
    ? { engine: "postgres", url }
    : { engine: "sqlite", path: join(host.stateDirectory, "twinhook.db") };
  const store = await openStore(address, { clock: systemClock, forRunner: true, maxConnections: 2 });
  atTestEnd(() => store.close());
  alertsAreDueAtOnce(store);
}

/**
 * Moves the alerts that wait so far into the past that they are due. Nobody can move PostgreSQL's clock, or that of
 * another process.
 */
async function makeAlertsDue(store: Store): Promise<void> {
  const now = await store.now(store.read);
  const [untold, unsent] = await Promise.all([
    store.read
      .selectFrom("alerts")
      .select("id")
      .where("told_at", "is", null)
      .where("at", ">", now - LONG_MS)
      .execute(),
    store.read.selectFrom("alert_outbox").select("id").where("not_before", ">", now).execute(),
  ]);
  if (untold.length + unsent.length === 0) return;
  await store.write(async (trx) => {
    const earlier = now - LONG_MS;
    await trx.updateTable("alerts").set({ at: earlier }).where("told_at", "is", null).execute();
    // What was told long ago counts for no limit of a minute.
    await trx
      .updateTable("alerts")
      .set({ told_at: earlier - LONG_MS })
      .where("told_at", "is not", null)
      .execute();
    await trx.updateTable("alert_outbox").set({ not_before: 0 }).where("not_before", ">", now).execute();
    await store.notify(trx);
  });
}
