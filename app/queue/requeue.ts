import type { StoreContext, Writer } from "../store/store.ts";
import { announce } from "./announce.ts";
import { compareOrder, isRollback, type Mark } from "./order.ts";
import { againOn } from "./placement/host-runs.ts";
import { noteOnDeliveries } from "./superseded-deliveries.ts";
import { UNVERIFIED } from "./verification.ts";

const OVERTAKEN = "a newer run has been deployed already";

/** Who asks for the next attempt: a person, or an Action by the attempt of its run, with the approval of its job. */
type Again = { mark: Mark } & (
  | { byPerson: true }
  | { byPerson?: never; viaRunAttempt: number; approvedFor: string | undefined }
);

/**
 * Puts a failed or cancelled deployment back into the queue with its next attempt. If a newer run has been
 * deployed since, it becomes superseded: a retry must not overwrite the newer run.
 * Returns whether it waits now.
 */
export async function requeue(
  trx: Writer,
  store: StoreContext,
  id: string,
  { mark, ...by }: Again,
): Promise<boolean> {
  const row = await trx
    .selectFrom("deployments")
    .selectAll()
    .where("id", "=", id)
    .where("status", "in", ["failed", "cancelled"])
    .executeTakeFirst();
  if (!row) return false;
  const overtaken = compareOrder({ runId: row.order_run_id, runAttempt: row.order_run_attempt }, mark) < 0;
  const via = by.byPerson ? {} : { via_run_attempt: by.viaRunAttempt };
  const changed = await trx
    .updateTable("deployments")
    .set(
      overtaken
        ? {
            ...via,
            ...UNVERIFIED,
            status: "superseded",
            superseded_by: mark.deploymentId,
            reason: OVERTAKEN,
          }
        : {
            ...via,
            ...UNVERIFIED,
            // Each attempt needs an approval of its own.
            passes_gate: by.byPerson ? (1 as const) : null,
            approved_for: by.byPerson ? null : (by.approvedFor ?? null),
            status: "queued",
            attempt: row.attempt + 1,
            // A retry begins anew, so a hold on the target stops it.
            interruptions: 0,
            exit_code: null,
            reason: isRollback(row) ? row.order_note : null,
            run_by: null,
            queued_again_at: await store.now(trx),
            started_at: null,
            finished_at: null,
            cancel_requested_at: null,
            hosts: againOn(row),
            waits_for: null,
          },
    )
    .where("id", "=", id)
    .where("status", "=", row.status)
    .where("attempt", "=", row.attempt)
    .returning("id")
    .executeTakeFirst();
  // Another request did it a moment ago.
  if (!changed) return false;
  if (overtaken) await noteOnDeliveries(trx, [row], OVERTAKEN);
  await announce(trx, store, [{ id, status: overtaken ? "superseded" : "queued" }]);
  return !overtaken;
}
