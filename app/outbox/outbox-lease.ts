import { type ExpressionBuilder, type Selectable, sql } from "kysely";
import { StoreUnavailableError } from "../store/errors.ts";
import type { OutboxRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";

/** Longer than one item may take to send, repetitions included. */
const OUTBOX_LEASE_MS = 25_000;

/** A table of items to send, and the column that names their line. Each line stays in order. */
export type OutboxTable =
  | { name: "outbox"; line: "deployment_id" }
  | { name: "alert_outbox"; line: "channel" };

/** An item that the caller has leased and may send. */
export interface OutboxItem<B> {
  id: number;
  line: string;
  body: B;
  attempts: number;
  createdAt: number;
  holder: string;
  token: number;
}

/**
 * Kysely needs one name for its types. The tables differ only in the line's column, which is used by
 * reference.
 */
const as = (table: OutboxTable) => table.name as "outbox";

/** Claims the next item to send: the first of a line, so that each line stays in order. */
export function claimOutbox<B>(
  store: Store,
  table: OutboxTable,
  holder: string,
): Promise<OutboxItem<B> | null> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    const row: Selectable<OutboxRow> | undefined = await trx
      .selectFrom(`${as(table)} as o`)
      .selectAll()
      .where("not_before", "<=", now)
      .where((e) => isFree(e, now))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom(`${as(table)} as earlier`)
              .select("earlier.id")
              .where(sql.ref(`earlier.${table.line}`), "=", sql.ref(`o.${table.line}`))
              .whereRef("earlier.id", "<", "o.id"),
          ),
        ),
      )
      .orderBy("id")
      .limit(1)
      .$if(store.can.rowLocks, (q) => q.forUpdate().skipLocked())
      .executeTakeFirst();
    return row ? leaseItem<B>(trx, table, row, { holder, now }) : null;
  });
}

/** Whether no sender holds a row (`o`) at this time of the store. */
export function isFree(e: ExpressionBuilder<{ o: OutboxRow }, "o">, now: number) {
  return e.or([e("o.lease_until", "is", null), e("o.lease_until", "<", now)]);
}

/** Leases a row to the caller. Call it inside the transaction that chose the row. */
export async function leaseItem<B>(
  trx: Writer,
  table: OutboxTable,
  row: Selectable<OutboxRow>,
  { holder, now }: { holder: string; now: number },
): Promise<OutboxItem<B>> {
  const [token, attempts] = [row.token + 1, row.attempts + 1];
  await trx
    .updateTable(as(table))
    .set({ holder, token, lease_until: now + OUTBOX_LEASE_MS, attempts })
    .where("id", "=", row.id)
    .execute();
  return {
    id: row.id,
    line: (row as unknown as Record<string, string>)[table.line] as string,
    body: JSON.parse(row.body) as B,
    attempts,
    createdAt: row.created_at,
    holder,
    token,
  };
}

/** Deletes an item that was sent, or never can be. */
export function completeOutbox(store: Store, table: OutboxTable, item: OutboxItem<unknown>): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .deleteFrom(as(table))
      .where("id", "=", item.id)
      .where("holder", "=", item.holder)
      .where("token", "=", item.token)
      .execute();
  });
}

/** Returns an item to the outbox, to be sent after `delayMs` at the earliest. */
export function postponeOutbox(
  store: Store,
  table: OutboxTable,
  item: OutboxItem<unknown>,
  { delayMs, error }: { delayMs: number; error: string },
): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .updateTable(as(table))
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

/** When the next item may be sent (ms); null when the outbox is empty. */
export async function nextInOutbox(store: Store, table: OutboxTable): Promise<number | null> {
  const row = await store.read
    .selectFrom(as(table))
    .select((e) => e.fn.min("not_before").as("at"))
    .executeTakeFirst();
  return row?.at ?? null;
}

/**
 * Releases the leases of an earlier process of this instance. If the store is unavailable, these leases
 * expire by themselves.
 */
export async function releaseOutbox(store: Store, table: OutboxTable, instance: string): Promise<void> {
  const taken = sql`substr(holder, 1, ${instance.length + 1})`;
  try {
    await store.write((trx) =>
      trx.updateTable(as(table)).set({ lease_until: null }).where(taken, "=", `${instance} `).execute(),
    );
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
  }
}
