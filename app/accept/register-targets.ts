import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store, Writer } from "../store/store.ts";

/**
 * Records when each configured target was first watched, unless a record exists. `now` (ms) is cut to whole
 * seconds, like GitHub's times; null while it is not known.
 * Forgets the time of removed targets: one that comes back is new.
 */
export function registerTargets(
  store: Store,
  targets: readonly TargetConfig[],
  now: number | null,
): Promise<void> {
  const watch_from = now === null ? null : Math.floor(now / 1000) * 1000;
  const configured = new Set(targets.map((t) => `${repositoryKey(t.repository)}\n${t.name}`));
  return store.write(async (trx) => {
    await followRenamed(trx, new Set(targets.map((t) => repositoryKey(t.repository))));
    const known = await trx.selectFrom("targets").select(["repository", "target", "watch_from"]).execute();
    for (const { repository, target } of known)
      if (!configured.has(`${repository}\n${target}`))
        await trx
          .updateTable("targets")
          .set({ watch_from: null })
          .where("repository", "=", repository)
          .where("target", "=", target)
          .execute();
    const watched = known.filter((row) => row.watch_from !== null);
    for (const { repository, name } of targets) {
      const key = repositoryKey(repository);
      if (watched.some((row) => row.repository === key && row.target === name)) continue;
      await trx
        .insertInto("targets")
        .values({
          repository: key,
          target: name,
          watch_from,
          mark_run_id: 0,
          mark_run_attempt: 0,
          mark_run_started_at: 0,
          mark_deployment_id: null,
        })
        .onConflict((c) => c.columns(["repository", "target"]).doUpdateSet({ watch_from }))
        .execute();
    }
  });
}

/**
 * Moves the records of repositories that the configuration calls by their new name now. Forgets the ids of
 * repositories that it no longer names.
 */
async function followRenamed(trx: Writer, configured: ReadonlySet<string>): Promise<void> {
  const known = await trx.selectFrom("repositories").selectAll().execute();
  for (const { name, full_name } of known) {
    if (configured.has(name)) continue;
    await trx.deleteFrom("repositories").where("name", "=", name).execute();
    const renamed = repositoryKey(full_name);
    if (!configured.has(renamed)) continue;
    const there = await trx
      .selectFrom("targets")
      .select("target")
      .where("repository", "=", renamed)
      .executeTakeFirst();
    // Another instance, restarted earlier, has already done so.
    if (there) continue;
    for (const table of ["targets", "deliveries", "waiting_runs"] as const)
      await trx.updateTable(table).set({ repository: renamed }).where("repository", "=", name).execute();
    await trx
      .updateTable("deployments")
      .set({ repository_key: renamed, repository: full_name })
      .where("repository_key", "=", name)
      .execute();
  }
}
