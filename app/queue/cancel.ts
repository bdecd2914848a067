import type { Store } from "../store/store.ts";
import { announce } from "./announce.ts";
import { cancelBetweenHosts } from "./placement/finish-host.ts";

/**
 * Cancels a deployment: a waiting one at once. A running one is marked; its runner sees the mark and ends it.
 * Returns the step taken, or `final` where the deployment had already ended.
 */
export function cancel(store: Store, id: string): Promise<"cancelled" | "requested" | "final" | "unknown"> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    const waiting = await trx
      .updateTable("deployments")
      .set({ status: "cancelled", reason: "cancelled before it began", finished_at: now })
      .where("id", "=", id)
      .where("status", "=", "queued")
      .returning("id")
      .executeTakeFirst();
    if (waiting) {
      await announce(trx, store, [{ id, status: "cancelled" }]);
      return "cancelled";
    }
    if (await cancelBetweenHosts(trx, store, id)) return "cancelled";
    const running = await trx
      .updateTable("deployments")
      .set((e) => ({ cancel_requested_at: e.fn.coalesce("cancel_requested_at", e.val(now)) }))
      .where("id", "=", id)
      .where((e) => e.or([e("status", "=", "running"), e("holder", "is not", null)]))
      .returning("id")
      .executeTakeFirst();
    if (running) {
      await store.notify(trx);
      return "requested";
    }
    const known = await trx.selectFrom("deployments").select("id").where("id", "=", id).executeTakeFirst();
    return known ? "final" : "unknown";
  });
}
