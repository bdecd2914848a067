import type { TargetConfig } from "../config/schema.ts";
import { approvalOf, protectionOf } from "../queue/gate/approval.ts";
import { byTarget } from "../store/by-target.ts";
import { inSlices } from "../store/in-slices.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import type { Arrival } from "./arrival.ts";
import { commitBatch } from "./commit-batch.ts";
import type { AcceptedBy } from "./new-rows.ts";

/** How many arrivals are judged again at a time. */
const MOST_AT_ONCE = 100;

/**
 * Judges the runs again that arrived before GitHub told whether it protects their environment, as far as it has
 * told by now. Returns how many.
 */
export async function releaseWaiting(
  trx: Writer,
  store: StoreContext,
  targets: readonly TargetConfig[],
  by: AcceptedBy,
): Promise<number> {
  const waiting = await trx
    .selectFrom("waiting_runs")
    .selectAll()
    .where("gate", "=", "protection")
    .orderBy("run_id")
    .orderBy("run_attempt")
    .execute();
  if (waiting.length === 0) return 0;
  const rows = await trx.selectFrom("targets").selectAll().execute();
  const configs = byTarget(
    targets.map((config) => ({ repository: config.repository, target: config.name, config })),
  );
  const rowOf = byTarget(rows);
  const due = waiting.filter(({ repository, target }) => {
    const config = configs(repository, target)?.config;
    const row = rowOf(repository, target);
    return config && approvalOf(config, protectionOf(row, config)) !== null;
  });
  const byDelivery = new Map(due.map(({ delivery_id, ...row }) => [delivery_id, row]));
  const ids = [...byDelivery.keys()];
  await inSlices(ids, async (slice) => {
    await trx.deleteFrom("waiting_runs").where("delivery_id", "in", slice).execute();
    // An event keeps its record, by its GUID. The others get a new one.
    await trx.deleteFrom("deliveries").where("id", "in", slice).where("guid", "is", null).execute();
  });
  const arrivals = [...byDelivery.values()].map(({ repository, arrival: text }) => {
    const arrival = JSON.parse(text) as Arrival;
    return {
      ...arrival,
      repository,
      targets: arrival.targets.flatMap(({ name }) => configs(repository, name)?.config ?? []),
    };
  });
  for (let start = 0; start < arrivals.length; start += MOST_AT_ONCE)
    await commitBatch(trx, store, arrivals.slice(start, start + MOST_AT_ONCE), by);
  await store.notify(trx);
  return arrivals.length;
}
