import type { Store } from "../store/store.ts";
import { DEPLOYMENT_LEASE_MS, type Lease, LeaseLostError } from "./lease.ts";

/**
 * Renews a deployment's lease. Returns whether a user has asked to cancel the deployment.
 * @throws {LeaseLostError} when another holder has taken over.
 */
export function renew(store: Store, lease: Lease): Promise<{ cancelRequested: boolean }> {
  return store.write(async (trx) => {
    const row = await trx
      .updateTable("deployments")
      .set({ lease_until: (await store.now(trx)) + DEPLOYMENT_LEASE_MS })
      .where("id", "=", lease.deploymentId)
      .where("holder", "=", lease.holder)
      .where("token", "=", lease.token)
      .returning("cancel_requested_at")
      .executeTakeFirst();
    if (!row) throw new LeaseLostError(lease);
    return { cancelRequested: row.cancel_requested_at !== null };
  });
}
