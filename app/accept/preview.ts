import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Conflict } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import { commitBatch } from "./commit-batch.ts";

/** The deployment that a request would create or find. */
export interface Preview {
  deployment: DeploymentRecord;
  duplicate: boolean;
}

/** Thrown to roll back the transaction, once its result is known. */
class Undo extends Error {
  readonly preview: Preview | { conflict: Conflict };
  constructor(preview: Undo["preview"]) {
    super("undone on purpose");
    this.preview = preview;
  }
}

/** Accepts an arrival exactly as usual, and rolls the transaction back. */
export async function previewArrival(store: Store, arrival: Arrival, now: number): Promise<Undo["preview"]> {
  try {
    return await store.write(async (trx) => {
      const [accepted] = await commitBatch(trx, store, [arrival], { instance: "", now });
      if (accepted?.conflict) throw new Undo({ conflict: accepted.conflict });
      const [deployed] = accepted?.deployments ?? [];
      const deployment = await trx
        .selectFrom("deployments")
        .selectAll()
        .where("id", "=", deployed?.id ?? "")
        .executeTakeFirstOrThrow();
      throw new Undo({ deployment, duplicate: deployed?.duplicate ?? false });
    });
  } catch (error) {
    if (error instanceof Undo) return error.preview;
    throw error;
  }
}
