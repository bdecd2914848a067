import type { Store } from "../store/store.ts";

/** Counts deployments that the Action requested, and those that it has seen confirmed. */
export async function countVerifications(
  store: Store,
  visible: string[] | null,
): Promise<{ requested: number; verified: number }> {
  const row = await store.read
    .selectFrom("deployments")
    .select((e) => [
      e.fn.countAll<number>().as("requested"),
      e.fn.count<number>("verified_at").as("verified"),
    ])
    .where("via_run_attempt", "is not", null)
    .$if(visible !== null, (q) => q.where("repository_key", "in", visible ?? []))
    .executeTakeFirstOrThrow();
  return { requested: Number(row.requested), verified: Number(row.verified) };
}
