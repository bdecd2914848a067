import { type Selectable, sql } from "kysely";
import type { Announcement } from "../queue/announce.ts";
import type { OutboxRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** Longer than a call to GitHub may take with its repetitions. */
const OUTBOX_LEASE_MS = 25_000;

/** A piece of word for GitHub that the caller may send. */
export interface OutboxItem {
  id: number;
  deploymentId: string;
  announcement: Announcement;
  attempts: number;
  createdAt: number;
  holder: string;
  token: number;
}

/** Claims the next thing to send: the oldest of a deployment, so that each deployment's word stays in order. */
export function claimOutbox(store: Store, holder: string): Promise<OutboxItem | null> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    const row: Selectable<OutboxRow> | undefined = await trx
      .selectFrom("outbox as o")
      .selectAll()
      .where("not_before", "<=", now)
      .where((e) => e.or([e("lease_until", "is", null), e("lease_until", "<", now)]))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("outbox as earlier")
              .select("earlier.id")
              .whereRef("earlier.deployment_id", "=", "o.deployment_id")
              .whereRef("earlier.id", "<", "o.id"),
          ),
        ),
      )
      .orderBy("id")
      .limit(1)
      .$if(store.engine === "postgres", (q) => q.forUpdate().skipLocked())
      .executeTakeFirst();
    if (!row) return null;
    const token = row.token + 1;
    await trx
      .updateTable("outbox")
      .set({ holder, token, lease_until: now + OUTBOX_LEASE_MS, attempts: row.attempts + 1 })
      .where("id", "=", row.id)
      .execute();
    return {
      id: row.id,
      deploymentId: row.deployment_id,
      announcement: JSON.parse(row.body) as Announcement,
      attempts: row.attempts + 1,
      createdAt: row.created_at,
      holder,
      token,
    };
  });
}

/** Takes a thing that was sent (or never can be) out of the outbox. */
export function completeOutbox(store: Store, item: OutboxItem): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .deleteFrom("outbox")
      .where("id", "=", item.id)
      .where("holder", "=", item.holder)
      .where("token", "=", item.token)
      .execute();
  });
}

/** Puts a thing back, to be sent after `delayMs` at the earliest. */
export function postponeOutbox(
  store: Store,
  item: OutboxItem,
  { delayMs, error }: { delayMs: number; error: string },
): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .updateTable("outbox")
      .set({
        holder: null,
        lease_until: null,
        not_before: (await store.now(trx)) + Math.ceil(delayMs),
        last_error: error,
      })
      .where("id", "=", item.id)
      .where("holder", "=", item.holder)
      .where("token", "=", item.token)
      .execute();
  });
}

/** Whether anything is left to send, and from when on the next of it may be sent (ms). */
export async function nextInOutbox(store: Store): Promise<number | null> {
  const row = await store.read
    .selectFrom("outbox")
    .select((e) => e.fn.min("not_before").as("at"))
    .executeTakeFirst();
  return row?.at ?? null;
}

/** Takes back what an earlier process of this instance was about to send when it died. */
export function releaseOutbox(store: Store, instance: string): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .updateTable("outbox")
      .set({ lease_until: null })
      .where(sql`substr(holder, 1, ${instance.length + 1})`, "=", `${instance} `)
      .execute();
  });
}
