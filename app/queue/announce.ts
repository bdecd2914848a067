import { type DeploymentStatus, isFinal } from "../../shared/deployment.ts";
import { unsent } from "../outbox/unsent.ts";
import { inSlices } from "../store/in-slices.ts";
import type { StoreContext, Writer } from "../store/store.ts";

/** A status that GitHub is to show for a deployment. */
export interface Announcement {
  status: DeploymentStatus;
  /** What the description adds to it, such as "exit code 1"; null where it says everything. */
  detail: string | null;
}

/**
 * Inside the transaction that changes the state of deployments: leaves word for GitHub. The outbox sends it
 * when GitHub can be reached, in this order.
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
