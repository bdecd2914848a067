import { StoreTooNewError } from "./errors.ts";
import { SCHEMA_VERSION } from "./schema-version.ts";
import type { Store } from "./store.ts";

/**
 * Proves that the store can commit, by writing `now` (ms, wall clock).
 * @throws {StoreUnavailableError} when it cannot commit, {StoreTooNewError} when a newer release has since
 * removed columns that this code needs.
 */
export async function proveCommit(store: Store, now: number): Promise<void> {
  await store.write(async (trx) => {
    const found = await trx
      .updateTable("twinhook_version")
      .set({ probed_at: now })
      .returning(["version", "min_code_version"])
      .executeTakeFirstOrThrow();
    if (found.min_code_version > SCHEMA_VERSION) throw new StoreTooNewError(found, SCHEMA_VERSION);
  });
}
