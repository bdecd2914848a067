import type { Store } from "../store/store.ts";
import { announce } from "./announce.ts";
import type { Lease } from "./lease.ts";

/** The columns of a deployment whose verification has not begun. */
export const UNVERIFIED = { verify_url: null, verify_started_at: null, verify_answer: null };

/**
 * Records that a command has succeeded, and that its site is asked from now on. Does nothing where the lease is
 * lost: the new holder decides.
 */
export function beginVerification(store: Store, lease: Lease, url: string): Promise<void> {
  return store.write(async (trx) => {
    const row = await trx
      .updateTable("deployments")
      .set({ verify_url: url, verify_started_at: await store.now(trx), verify_answer: null })
      .where("id", "=", lease.deploymentId)
      .where("status", "=", "running")
      .where("holder", "=", lease.holder)
      .where("token", "=", lease.token)
      .returning("id")
      .executeTakeFirst();
    if (row) await announce(trx, store, [{ id: row.id, status: "running", detail: `verifying ${url}` }]);
  });
}

/** Records an answer of the site that is not the wanted one. */
export function noteAnswer(store: Store, lease: Lease, answer: string): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .updateTable("deployments")
      .set({ verify_answer: answer })
      .where("id", "=", lease.deploymentId)
      .where("status", "=", "running")
      .where("holder", "=", lease.holder)
      .where("token", "=", lease.token)
      .execute();
    await store.notify(trx);
  });
}
