import { type DeploymentStatus, isFinal } from "../../shared/deployment.ts";
import { unsent } from "../outbox/unsent.ts";
import { inSlices } from "../store/in-slices.ts";
import type { StoreContext, Writer } from "../store/store.ts";

/** A status to post for a deployment at GitHub. */
export interface Announcement {
  status: DeploymentStatus;
  /** Text for the description, such as "exit code 1"; null where the status is enough. */
  detail: string | null;
}

/**
 * Queues statuses for GitHub. Call it inside the transaction that changes the deployments' state. The outbox
 * posts them in this order, once GitHub is reachable.
 */
export async function announce(
  trx: Writer,
  store: StoreContext,
  announcements: readonly (Partial<Announcement> & Pick<Announcement, "status"> & { id: string })[],
): Promise<void> {
  if (announcements.length === 0) return;
  const now = await store.now(trx);
  const rows = announcements.map(({ id, status, detail = null }) => ({
    deployment_id: id,
    body: JSON.stringify({ status, detail } satisfies Announcement),
    final: Number(isFinal(status)),
    ...unsent(now),
  }));
  await inSlices(rows, (slice) => trx.insertInto("outbox").values(slice).execute());
  await store.notify(trx);
}
