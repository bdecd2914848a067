import type { Store } from "../store/store.ts";
import { announce } from "./announce.ts";
import { type Lease, LeaseLostError } from "./lease.ts";
import { noteOutcome } from "./note-outcome.ts";

/** How a deployment's command ended. */
export interface Ending {
  status: "succeeded" | "failed" | "cancelled";
  exitCode: number | null;
  /** In words; null where the status is enough. */
  reason: string | null;
  /** The last answer of the site; null where it was the wanted one, undefined where nothing is known of it. */
  answer?: string | null;
}

/**
 * Records how a deployment ended, and releases its lease. With `tellSuccess`, a success is an alert.
 * @throws {LeaseLostError} when the caller no longer holds the lease; nothing is changed then.
 */
export function finish(
  store: Store,
  lease: Lease,
  { status, exitCode, reason, answer }: Ending,
  told: { tellSuccess?: boolean | undefined } = {},
): Promise<void> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    const row = await trx
      .updateTable("deployments")
      .set(({ fn }) => ({
        status,
        exit_code: exitCode,
        reason: reason ?? fn.coalesce("order_note", "ref_note"),
        finished_at: now,
        ...(answer !== undefined && { verify_answer: answer }),
        holder: null,
        lease_until: null,
        lock: null,
      }))
      .where("id", "=", lease.deploymentId)
      .where("holder", "=", lease.holder)
      .where("token", "=", lease.token)
      .returning(["id", "repository_key", "target", "attempt", "reason"])
      .executeTakeFirst();
    if (!row) throw new LeaseLostError(lease);
    await announce(trx, store, [{ id: lease.deploymentId, status, detail: reason }]);
    await noteOutcome(trx, store, row, status, told);
  });
}
