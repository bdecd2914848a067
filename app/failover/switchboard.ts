import type { Selectable } from "kysely";
import { type WebhookPlaces, webhookUrl } from "../config/webhook-url.ts";
import type { FailoverRow, SwitchboardRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";

/** GitHub may deliver to the old URL for this long after it took a new one. */
export const LINGER_MS = 15_000;

/** Reads the routing state: the active endpoint, the pinned one, and the URL last read at GitHub. */
export async function readSwitchboard(store: Store): Promise<SwitchboardRow | undefined> {
  return store.read.selectFrom("switchboard").selectAll().where("id", "=", 1).executeTakeFirst();
}

/** Whether GitHub, as last seen, delivers to the active endpoint. */
export function isInSync(
  board: Pick<SwitchboardRow, "active" | "webhook_url"> | undefined,
  places: WebhookPlaces,
): boolean {
  return board?.webhook_url != null && board.webhook_url === webhookUrl(places, board.active);
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
      pinned_forced: 0,
      webhook_url: null,
      webhook_verified_at: null,
    })
    .onConflict((c) => c.doNothing())
    .execute();
}

/** Records a decision, before it is carried out. Earlier changes that GitHub never took are abandoned. */
export async function recordDecision(
  trx: Writer,
  decision: Pick<
    FailoverRow,
    "from_endpoint" | "to_endpoint" | "kind" | "reason" | "decided_by" | "detected_at" | "decided_at"
  >,
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
  await trx.updateTable("switchboard").set({ active: decision.to_endpoint }).where("id", "=", 1).execute();
}

/**
 * Records that GitHub took the URL of `endpoint` (`switched_at`), or that it was read back (`verified_at`). Returns the
 * updated change of the active endpoint; undefined if no such step was open.
 */
export async function recordStep(
  trx: Writer,
  step: "switched_at" | "verified_at",
  { endpoint, url, at }: { endpoint: string; url: string; at: number },
): Promise<Selectable<FailoverRow> | undefined> {
  if (step === "verified_at")
    await trx
      .updateTable("switchboard")
      .set({ webhook_url: url, webhook_verified_at: at })
      .where("id", "=", 1)
      .execute();
  const last = await trx
    .selectFrom("failovers")
    .selectAll()
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (!last || last.to_endpoint !== endpoint || last[step] !== null) return undefined;
  // A URL that was read back was taken, even if GitHub's answer to the write was lost.
  const done = { switched_at: last.switched_at ?? at, [step]: at };
  await trx.updateTable("failovers").set(done).where("id", "=", last.id).execute();
  return { ...last, ...done };
}

/**
 * Pins an endpoint until it is unpinned, or until it is down while another is up. `forced` is for an endpoint that is
 * down already: the pin holds until it was healthy once, and then becomes an ordinary pin.
 */
export function pin(store: Store, endpoint: string, reason: string | null, forced: boolean): Promise<void> {
  return store.write((trx) =>
    changePin(store, trx, { pinned: endpoint, pinned_reason: reason, pinned_forced: forced ? 1 : 0 }),
  );
}

export function unpin(store: Store): Promise<void> {
  return store.write((trx) => dropPin(store, trx));
}

/** Unpins within a transaction. */
export function dropPin(store: Store, trx: Writer): Promise<void> {
  return changePin(store, trx, { pinned: null, pinned_reason: null, pinned_forced: 0 });
}

/** The pinned endpoint has become healthy: its forced pin becomes an ordinary pin. */
export function holdNormally(store: Store, trx: Writer): Promise<void> {
  return changePin(store, trx, { pinned_forced: 0 });
}

async function changePin(
  store: Store,
  trx: Writer,
  change: Partial<Pick<SwitchboardRow, "pinned" | "pinned_reason" | "pinned_forced">>,
): Promise<void> {
  await trx.updateTable("switchboard").set(change).where("id", "=", 1).execute();
  await store.notify(trx);
}
