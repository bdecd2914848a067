import type { Selectable } from "kysely";
import type { FailoverRow, SwitchboardRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";

/** The state that every controller continues from: which endpoint is active, and which is pinned. */
export async function readSwitchboard(store: Store): Promise<SwitchboardRow | undefined> {
  return store.read.selectFrom("switchboard").selectAll().where("id", "=", 1).executeTakeFirst();
}

/** The last change of the active endpoint. */
export async function lastFailover(store: Store): Promise<Selectable<FailoverRow> | undefined> {
  return store.read.selectFrom("failovers").selectAll().orderBy("id", "desc").limit(1).executeTakeFirst();
}

/** Sets the first active endpoint of a new installation. */
export async function initializeSwitchboard(trx: Writer, active: string): Promise<void> {
  await trx
    .insertInto("switchboard")
    .values({
      id: 1,
      active,
      pinned: null,
      pinned_reason: null,
      webhook_url: null,
      webhook_verified_at: null,
    })
    .onConflict((c) => c.doNothing())
    .execute();
}

/** Records a decision before anything is done about it. Changes that GitHub never took become void. */
export async function recordDecision(
  trx: Writer,
  decision: Pick<
    FailoverRow,
    "from_endpoint" | "to_endpoint" | "kind" | "reason" | "decided_by" | "detected_at" | "decided_at"
  >,
  dropPin: boolean,
): Promise<void> {
  await trx
    .updateTable("failovers")
    .set({ abandoned_at: decision.decided_at })
    .where("switched_at", "is", null)
    .where("abandoned_at", "is", null)
    .execute();
  await trx
    .insertInto("failovers")
    .values({ ...decision, switched_at: null, verified_at: null, abandoned_at: null })
    .execute();
  await trx
    .updateTable("switchboard")
    .set({ active: decision.to_endpoint, ...(dropPin ? { pinned: null, pinned_reason: null } : {}) })
    .where("id", "=", 1)
    .execute();
}

/** Records that GitHub took the URL of the last decision, or that it was read back. */
export async function recordStep(
  trx: Writer,
  step: "switched_at" | "verified_at",
  { url, at }: { url: string; at: number },
): Promise<void> {
  const last = await trx
    .selectFrom("failovers")
    .select(["id", "abandoned_at"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (last && last.abandoned_at === null)
    await trx
      .updateTable("failovers")
      .set({ [step]: at })
      .where("id", "=", last.id)
      .where(step, "is", null)
      .execute();
  if (step === "verified_at")
    await trx
      .updateTable("switchboard")
      .set({ webhook_url: url, webhook_verified_at: at })
      .where("id", "=", 1)
      .execute();
}

/** Pins an endpoint until it is unpinned, or until it is down while another is up. */
export function pin(store: Store, endpoint: string, reason: string | null): Promise<void> {
  return changePin(store, { pinned: endpoint, pinned_reason: reason });
}

export function unpin(store: Store): Promise<void> {
  return changePin(store, { pinned: null, pinned_reason: null });
}

function changePin(store: Store, change: Pick<SwitchboardRow, "pinned" | "pinned_reason">): Promise<void> {
  return store.write(async (trx) => {
    await trx.updateTable("switchboard").set(change).where("id", "=", 1).execute();
    await store.notify(trx);
  });
}
