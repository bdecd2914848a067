import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { announce } from "./announce.ts";
import { noteOutcome } from "./note-outcome.ts";
import { endedOn, runningHost } from "./placement/host-runs.ts";
import { UNVERIFIED } from "./verification.ts";

/** How many times an interrupted deployment starts again by itself. */
export const MAX_INTERRUPTIONS = 2;

/**
 * Takes a running deployment from a dead runner. By `onInterrupt` it goes back to the queue (at most twice)
 * or fails. A host that caught up will do so again. Does nothing when another holder has decided in the
 * meantime; with `ranOut` also where the lease was renewed since. Returns the new status.
 */
export function interrupt(
  store: Store,
  found: DeploymentRecord,
  onInterrupt: "retry" | "fail",
  detail: string,
  { ranOut = false } = {},
): Promise<"queued" | "failed" | "cancelled" | "unchanged"> {
  return store.write(async (trx) => {
    const cancelled = found.cancel_requested_at !== null;
    const again = !cancelled && onInterrupt === "retry" && found.interruptions < MAX_INTERRUPTIONS;
    const status = cancelled ? ("cancelled" as const) : again ? ("queued" as const) : ("failed" as const);
    const on = runningHost(found);
    const reason = `${on === null ? "" : `on ${on}: `}interrupted: ${detail}${again ? "; it is run again" : ""}`;
    const catchesUp = again && found.status === "succeeded";
    const now = await store.now(trx);
    const row = await trx
      .updateTable("deployments")
      .set({
        status: catchesUp ? found.status : status,
        reason,
        hosts: endedOn(found, { status: status === "queued" ? "pending" : status, exitCode: null }, now),
        interruptions: found.interruptions + 1,
        attempt: again ? found.attempt + 1 : found.attempt,
        ...(again
          ? !catchesUp && { queued_again_at: now, started_at: null, finished_at: null }
          : { finished_at: now }),
        ...(again && UNVERIFIED),
        holder: null,
        lease_until: null,
        lock: null,
      })
      .where("id", "=", found.id)
      .where("status", "=", found.status)
      .where("holder", found.holder === null ? "is" : "=", found.holder)
      .where("token", "=", found.token)
      .$if(ranOut, (q) => q.where((e) => e(e.fn.coalesce("lease_until", e.lit(0)), "<=", now)))
      .returning("id")
      .executeTakeFirst();
    if (!row) return "unchanged";
    if (catchesUp) await store.notify(trx);
    else await announce(trx, store, [{ id: found.id, status, detail: reason }]);
    await noteOutcome(trx, store, { ...found, reason }, status);
    return status;
  });
}
