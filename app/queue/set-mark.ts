import type { Store } from "../store/store.ts";

/**
 * Sets a target's high-water mark to a run, higher or lower than before. Waiting deployments below it are
 * superseded at the next claim.
 * Returns the former run, or null where nothing was deployed yet.
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
    // With a start in the future, no re-run of an older run could go back on purpose.
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
