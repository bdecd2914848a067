import type { LeaseRow } from "../store/schema.ts";
import type { Reader, Store, StoreContext, Writer } from "../store/store.ts";

export const CONTROLLER_LEASE = "controller";

/** Reads the controller's lease. Returns undefined if no instance has ever held it. */
export function readLease(read: Reader): Promise<LeaseRow | undefined> {
  return read.selectFrom("leases").selectAll().where("name", "=", CONTROLLER_LEASE).executeTakeFirst();
}

/** Replaces the lease if it is still `row`, as read before. Returns whether it did. */
export async function replaceLease(
  store: Pick<Store, "writeOne">,
  row: LeaseRow | undefined,
  next: LeaseRow,
): Promise<boolean> {
  const changed = await store.writeOne((db) =>
    row
      ? db
          .updateTable("leases")
          .set(next)
          .where("name", "=", CONTROLLER_LEASE)
          .where("token", "=", row.token)
          .where("beat", "=", row.beat)
          .returning("name")
      : db
          .insertInto("leases")
          .values(next)
          .onConflict((c) => c.doNothing())
          .returning("name"),
  );
  return changed.length > 0;
}

/** Gives up the lease if `holder` has it. */
export function releaseLease(
  store: Pick<Store, "write" | "notify">,
  { holder }: { holder: string },
): Promise<void> {
  return store.write(async (trx) => {
    await trx
      .updateTable("leases")
      .set((e) => ({ holder: null, beat: e("beat", "+", 1) }))
      .where("name", "=", CONTROLLER_LEASE)
      .where("holder", "=", holder)
      .execute();
    await store.notify(trx);
  });
}

/** Whether `holder` has the lease with this token. It stays so until the transaction ends. */
export async function isHolder(
  trx: Writer,
  { can }: Pick<StoreContext, "can">,
  { holder }: { holder: string },
  token: number,
): Promise<boolean> {
  const row = await trx
    .selectFrom("leases")
    .select("token")
    .where("name", "=", CONTROLLER_LEASE)
    .where("holder", "=", holder)
    .where("token", "=", token)
    .$if(can.rowLocks, (q) => q.forUpdate())
    .executeTakeFirst();
  return row !== undefined;
}
