import { isoTime } from "../clock.ts";
import type { InstanceConfig, TargetConfig } from "../config/schema.ts";
import { approvalOf, protectionOf } from "../queue/gate/approval.ts";
import { type Hold, holdOf } from "../queue/hold.ts";
import { liveDeployment } from "../queue/last-success.ts";
import { pending } from "../queue/pending.ts";
import { doneHosts } from "../queue/placement/host-runs.ts";
import { byTarget } from "../store/by-target.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { HoldAnswer, TargetAnswer } from "./answers/target.ts";
import { recentFigures, recentOf } from "./recent-deployments.ts";

/** The configured targets of the repositories that may be seen, in the order of twinhook.yml. */
export async function listTargets(
  store: Store,
  { targets, instances }: { targets: readonly TargetConfig[]; instances: readonly InstanceConfig[] },
  maySee: (repositoryKey: string, target: string) => boolean,
): Promise<TargetAnswer[]> {
  const visible = targets.filter(({ repository, name }) => maySee(repositoryKey(repository), name));
  const [{ waiting, running }, rows, now] = await Promise.all([
    pending(store),
    store.read.selectFrom("targets").selectAll().execute(),
    store.now(store.read),
  ]);
  const find = byTarget(rows);
  return Promise.all(
    visible.map(async (target): Promise<TargetAnswer> => {
      const { repository, name, environment, hosts } = target;
      const key = repositoryKey(repository);
      const row = find(key, name);
      const [live, recent] = await Promise.all([
        liveDeployment(store.read, { repositoryKey: key, target: name }),
        recentOf(store.read, { repositoryKey: key, target: name })
          .select(["status", "accepted_at", "finished_at"])
          .execute(),
      ]);
      const host = instances.find((instance) => instance.name === live?.run_by)?.host;
      const held = row ? holdOf(row, now) : null;
      return {
        repository,
        name,
        environment,
        live: live
          ? {
              deployment: live.id,
              sha: live.sha,
              ref: live.ref,
              since: isoTime(live.finished_at as number),
              hosts: live.hosts === null ? [host ?? []].flat() : doneHosts(live),
            }
          : null,
        held: held && presentHold(held),
        queued: Number(waiting.find((one) => one.repositoryKey === key && one.target === name)?.count ?? 0),
        running: running.filter((one) => one.repository_key === key && one.target === name).length,
        recent: recentFigures(recent),
        approval: approvalOf(target, protectionOf(row, target)),
        hosts,
      };
    }),
  );
}

/** Converts a hold to the JSON of the API. */
export function presentHold({ by, reason, since, until }: Hold): HoldAnswer {
  return { by, reason, since: isoTime(since), until: isoTime(until) };
}
