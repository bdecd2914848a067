import type { DeploymentRecord } from "../../store/schema.ts";
import type { Store, StoreContext, Writer } from "../../store/store.ts";
import { announce } from "../announce.ts";
import type { Ending } from "../finish.ts";
import { type Lease, LeaseLostError } from "../lease.ts";
import { noteOutcome } from "../note-outcome.ts";
import { afterRun, describeRuns, endedOn } from "./host-runs.ts";
import { downInstances, type Placement } from "./placement.ts";

/**
 * Records how a deployment that runs on all hosts ended on one of them, and releases its lease. It goes on
 * with the next host. It ends with the last one, or with the first failure. A host that catches up changes
 * the status only by failing.
 * @throws {LeaseLostError} when the caller no longer holds the lease; nothing is changed then.
 */
export function finishHost(
  store: Store,
  lease: Lease,
  ending: Ending,
  { deployment, placement }: { deployment: DeploymentRecord; placement: Placement },
  told: { tellSuccess?: boolean | undefined } = {},
): Promise<void> {
  const { status, exitCode } = ending;
  return store.write(async (trx) => {
    const now = await store.now(trx);
    const hosts = endedOn(deployment, ending, now);
    const { goesOn, passedOver } = afterRun({ hosts }, placement, await downInstances(trx));
    const succeeded = status === "succeeded";
    const catchesUp = deployment.status === "succeeded";
    const isOver = !succeeded || catchesUp || !goesOn;
    const reason = succeeded
      ? describePassedOver(passedOver)
      : `on ${placement.self}: ${ending.reason ?? status}`;
    const row = await trx
      .updateTable("deployments")
      .set(({ fn }) => ({
        hosts,
        exit_code: exitCode,
        ...(ending.answer !== undefined && { verify_answer: ending.answer }),
        holder: null,
        lease_until: null,
        ...(isOver && { status, lock: null, reason: reason ?? fn.coalesce("order_note", "ref_note") }),
        ...(isOver && !(succeeded && catchesUp) && { finished_at: now }),
      }))
      .where("id", "=", lease.deploymentId)
      .where("holder", "=", lease.holder)
      .where("token", "=", lease.token)
      .returning(["id", "repository_key", "target", "attempt", "reason", "cancel_requested_at"])
      .executeTakeFirst();
    if (!row) throw new LeaseLostError(lease);
    if (!isOver && row.cancel_requested_at !== null) await cancelBetweenHosts(trx, store, row.id);
    else if (!isOver || (succeeded && catchesUp)) await store.notify(trx);
    else {
      await announce(trx, store, [{ id: row.id, status, detail: reason ?? describeRuns({ hosts }) }]);
      await noteOutcome(trx, store, row, status, told);
    }
  });
}

/** Says which hosts a deployment has left out; null for none. */
export function describePassedOver(hosts: readonly string[]): string | null {
  if (hosts.length === 0) return null;
  const was = hosts.length === 1 ? "was down; it catches" : "were down; they catch";
  return `${hosts.join(", ")} ${was} up when back`;
}

/** Cancels a deployment that has ended on some hosts, and waits for the next. Returns whether it did. */
export async function cancelBetweenHosts(trx: Writer, store: StoreContext, id: string): Promise<boolean> {
  const reason = "cancelled before it began on every host";
  const cancelled = await trx
    .updateTable("deployments")
    .set({
      status: "cancelled",
      reason,
      finished_at: await store.now(trx),
      lock: null,
      waits_for: null,
    })
    .where("id", "=", id)
    .where("status", "=", "running")
    .where("holder", "is", null)
    .returning("id")
    .executeTakeFirst();
  if (!cancelled) return false;
  await announce(trx, store, [{ id, status: "cancelled", detail: reason }]);
  return true;
}
