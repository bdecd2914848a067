import { IS_NO_TAG, TAG_SCAN } from "../../app/queue/find-ref.ts";
import type { Store } from "../../app/store/store.ts";

/** Notes that no tag is named like the branch `main` of acme/site, now and for ever: nobody has to ask GitHub. */
export async function noteNoTag(store: Store): Promise<void> {
  const noTag = { scan: TAG_SCAN, place: "acme/site refs/heads/main", result: IS_NO_TAG };
  await store.write((trx) =>
    trx
      .insertInto("scans")
      .values({ ...noTag, seen_at: Number.MAX_SAFE_INTEGER, asked: 0, served: 0 })
      .execute(),
  );
}
