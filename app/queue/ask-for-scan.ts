import type { StoreContext, Writer } from "../store/store.ts";

/**
 * Asks the controller, on whichever instance it runs, to scan this place at GitHub. `result` is known
 * already.
 */
export async function askForScan(
  trx: Writer,
  store: StoreContext,
  { scan, place, result }: { scan: string; place: string; result?: string },
): Promise<void> {
  const known = result === undefined ? {} : { result };
  await trx
    .insertInto("scans")
    .values({ scan, place, scanned_at: null, seen_at: null, asked: 1, served: 0, ...known })
    .onConflict((c) =>
      c.columns(["scan", "place"]).doUpdateSet((e) => ({ asked: e("scans.asked", "+", 1), ...known })),
    )
    .execute();
  await store.notify(trx);
}
