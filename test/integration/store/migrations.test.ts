import { DatabaseSync } from "node:sqlite";
import { type Kysely, sql } from "kysely";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { systemClock } from "../../../app/clock.ts";
import type { StoreAddress } from "../../../app/config/store-address.ts";
import * as initial from "../../../app/store/migrations/0001-initial.ts";
import * as failover from "../../../app/store/migrations/0002-failover.ts";
import * as signIn from "../../../app/store/migrations/0003-sign-in.ts";
import * as dashboard from "../../../app/store/migrations/0004-dashboard.ts";
import * as alerts from "../../../app/store/migrations/0005-alerts.ts";
import * as queueHold from "../../../app/store/migrations/0006-queue-hold.ts";
import * as setupCodes from "../../../app/store/migrations/0007-setup-codes.ts";
import * as deliveryRuns from "../../../app/store/migrations/0008-delivery-runs.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, newStoreAddress, reopen } from "../../helpers/stores.ts";

const BEFORE = [initial, failover, signIn, dashboard, alerts, queueHold, setupCodes, deliveryRuns];
const ECHO = { event: "deployment", action: "created", facts: null, targets: [], ignored: "an echo" };

/** A store as it was when events were known by their GUIDs alone, with one of a run and one of none. */
async function makeOldStore(address: StoreAddress): Promise<void> {
  // A store that is opened without being migrated is not made either.
  if (address.engine === "sqlite") new DatabaseSync(address.path).close();
  const store = await openStore(address, { clock: systemClock, forRunner: true });
  await store.write(async (trx) => {
    for (const { up } of BEFORE) await up(trx as unknown as Kysely<unknown>, store.engine);
    await sql`create table twinhook_version (id integer primary key, version integer not null,
      min_code_version integer not null, probed_at bigint not null)`.execute(trx);
    await trx
      .insertInto("twinhook_version")
      .values({ id: 1, version: BEFORE.length, min_code_version: 1, probed_at: 0 })
      .execute();
    const row = {
      source: "webhook" as const,
      action: "completed",
      repository: "acme/site",
      received_at: 1,
      received_by: "primary",
      outcome: "ignored" as const,
      reason: "an old one",
      deployment_ids: "[]",
    };
    await trx
      .insertInto("deliveries")
      .values([
        { ...row, id: "dlv_1", guid: "a run's", event: "workflow_run", run_id: 7, run_attempt: 1 },
        { ...row, id: "dlv_2", guid: "an echo's", event: "deployment", run_id: null, run_attempt: null },
      ])
      .execute();
  });
  await store.close();
}

describe.each(ENGINES)("on %s, a store of before", (engine) => {
  it("keeps its deliveries, and knows their events again", async () => {
    const address = await newStoreAddress(engine);
    await makeOldStore(address);
    const store = await reopen(address);
    const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
    const run = runArrival(7, [testTarget()], { guid: "a run's" });
    const echo: Arrival = { ...run, ...ECHO, guid: "an echo's" };
    expect(await Promise.all([run, echo].map((arrival) => acceptor.accept(arrival)))).toMatchObject([
      { deliveryId: "dlv_1", outcome: "deployed" },
      { deliveryId: "dlv_2", outcome: "ignored" },
    ]);
    const rows = await store.read.selectFrom("deliveries").select(["id", "outcome"]).orderBy("id").execute();
    expect(rows).toEqual([
      { id: "dlv_1", outcome: "deployed" },
      { id: "dlv_2", outcome: "ignored" },
    ]);
  });
});

describe.each(ENGINES)("on %s, one event that two instances take in at once", (engine) => {
  it("is recorded once, whether it is of a run or not", async () => {
    const address = await newStoreAddress(engine);
    const instances = await Promise.all(
      ["primary", "backup"].map(async (instance) => {
        const store = await reopen(address);
        return {
          store,
          acceptor: new Acceptor({ store, clock: systemClock, instance, onQueued: () => {} }),
        };
      }),
    );
    const ids = Array.from({ length: 40 }, (_, i) => i + 1);
    const run = (id: number) => runArrival(id, [], { guid: `run ${id}` });
    const arrivals = ids.flatMap((id): Arrival[] => [
      { ...run(id), ignored: "no target" },
      { ...run(id), ...ECHO, guid: `echo ${id}` },
    ]);
    await Promise.all(
      arrivals.flatMap((arrival) => instances.map(({ acceptor }) => acceptor.accept(arrival))),
    );
    const rows = await instances[0]?.store.read.selectFrom("deliveries").select("guid").execute();
    expect(rows?.map(({ guid }) => guid).sort()).toEqual(arrivals.map(({ guid }) => guid).sort());
  });
});
