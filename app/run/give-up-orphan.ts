import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { interrupt } from "../queue/interrupt.ts";
import type { RunningDeployment } from "../queue/pending.ts";
import type { Store } from "../store/store.ts";
import { endLeftovers, MAY_NOT_BE_ENDED } from "./interrupted.ts";
import { lockNames } from "./lock-names.ts";
import { tryAcquireAll } from "./os-lock.ts";
import type { RunRegistry } from "./run-registry.ts";

/**
 * Ends a deployment of this host whose runner is dead and whose target is no longer configured. No runner of
 * that target will come to clear it away, and it would keep a named lock for good.
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
      .where("holder", "=", holder)
      .executeTakeFirst();
    if (!row) return;
    await endLeftovers(registry, holder ?? "", clock, () =>
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
