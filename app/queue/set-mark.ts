import type { Store } from "../store/store.ts";

/**
 * Sets the mark of a target to a run, be it higher or lower than it is. Deployments that wait below it are superseded
 * at the next claim. Returns the run that it was, or null where nothing was deployed yet.
 */
export function setMark(
  store: Store,
  { repositoryKey, target }: { repositoryKey: string; target: string },
  runId: number,
): Promise<number | null> {
  return store.write(async (trx) => {
    const before = await trx
      .selectFrom("targets")
      .select(["mark_run_id", "mark_run_started_at"])
      .where("repository", "=", repositoryKey)
      .where("target", "=", target)
      .$if(store.can.rowLocks, (q) => q.forUpdate())
      .executeTakeFirst();
    const known = await trx
      .selectFrom("deployments")
      .select(["id", "run_started_at"])
      .where("repository_key", "=", repositoryKey)
      .where("target", "=", target)
      .where("run_id", "=", runId)
      .orderBy("run_attempt", "desc")
      .limit(1)
      .executeTakeFirst();
    // A run that began in the future would let nobody go back by running an older run again.
    const now = await store.now(trx);
    const mark = {
      mark_run_id: runId,
      mark_run_attempt: 0,
      mark_run_started_at: Math.min(known?.run_started_at ?? before?.mark_run_started_at ?? 0, now),
      mark_deployment_id: known?.id ?? null,
    };
    await trx
      .insertInto("targets")
      .values({ repository: repositoryKey, target, watch_from: null, ...mark })
      .onConflict((c) => c.columns(["repository", "target"]).doUpdateSet(mark))
      .execute();
    await store.notify(trx);
    return before?.mark_run_id || null;
  });
}
