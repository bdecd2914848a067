import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { interrupt } from "../queue/interrupt.ts";
import type { RunningDeployment } from "../queue/pending.ts";
import { isBetweenHosts } from "../queue/placement/host-runs.ts";
import type { Store } from "../store/store.ts";
import { endLeftovers, MAY_NOT_BE_ENDED } from "./interrupted.ts";
import { lockNames } from "./lock-names.ts";
import { tryAcquireAll } from "./os-lock.ts";
import type { RunRegistry } from "./run-registry.ts";

/**
 * Ends a deployment of this host whose target is no longer configured: where its runner is dead, or where no
 * other host goes on with it. No runner of that target will come, and it would keep a named lock for good.
 */
export async function giveUpOrphan(
  place: { store: Store; clock: Clock; registry: RunRegistry; lockDirectory: string; log: Logger },
  { id, repository_key: repository, target: name, lock, holder }: RunningDeployment,
): Promise<void> {
  const { store, clock, registry, lockDirectory, log } = place;
  // While this process holds the locks, no runner of the host works on the target.
  const locks = tryAcquireAll(lockDirectory, lockNames({ repository, name, lock }));
  if (!locks) return;
  try {
    const row = await store.read
      .selectFrom("deployments")
      .selectAll()
      .where("id", "=", id)
      .where("status", "in", ["running", "succeeded"])
      .where("holder", holder === null ? "is" : "=", holder)
      .executeTakeFirst();
    if (!row) return;
    if (isBetweenHosts(row)) {
      await interrupt(store, row, "fail", "its target is not configured any more");
      return;
    }
    // A host has caught up in the meantime.
    if (holder === null) return;
    await endLeftovers(registry, holder, clock, () =>
      log.error({ deployment: id }, `a command has lost its worker: ${MAY_NOT_BE_ENDED}`),
    );
    await interrupt(
      store,
      row,
      "fail",
      "its worker process ended, and its target is not configured any more",
    );
  } finally {
    for (const held of locks) held.release();
  }
}
