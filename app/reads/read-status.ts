import { maySee, type Viewer, visibleRepositories } from "../auth/viewer.ts";
import { isoTime } from "../clock.ts";
import type { Config } from "../config/load.ts";
import { isInSync, lastFailover, readSwitchboard } from "../failover/switchboard.ts";
import { pending } from "../queue/pending.ts";
import type { Store } from "../store/store.ts";
import { VERSION } from "../version.ts";
import { countVerifications } from "./count-verifications.ts";
import { listTargets } from "./list-targets.ts";
import { presentFailover } from "./present.ts";

/**
 * The parts of `/api/status` that the store alone tells, and the records of the scans. Everyone may see the redundancy;
 * counts of deployments cover only repositories that the viewer may see.
 */
export async function readStatus(store: Store, config: Config, viewer: Viewer) {
  const [board, last, { waiting, running }, scans, verification, targets] = await Promise.all([
    readSwitchboard(store),
    lastFailover(store),
    pending(store),
    store.read.selectFrom("looks").selectAll().execute(),
    countVerifications(store, visibleRepositories(viewer)),
    listTargets(store, config, (repository, target) => maySee(viewer, repository, target)),
  ]);
  const parts = {
    version: VERSION,
    active: board?.active ?? null,
    pinned: board?.pinned ?? null,
    mode: config.webhook.mode,
    webhook: {
      url: board?.webhook_url ?? null,
      verified_at: isoTime(board?.webhook_verified_at ?? null),
      in_sync: isInSync(board, config),
    },
    last_failover: last ? presentFailover(last) : null,
    queue: {
      queued: waiting
        .filter(({ repositoryKey }) => maySee(viewer, repositoryKey))
        .reduce((sum, { count }) => sum + Number(count), 0),
      running: running.filter(({ repository_key }) => maySee(viewer, repository_key)).length,
    },
    verification,
    targets,
  };
  // The sum over all scans: of GitHub's delivery log, its runs and its Deployments.
  const counts = {
    found: scans.reduce((sum, { found }) => sum + found, 0),
    accepted: scans.reduce((sum, { accepted }) => sum + accepted, 0),
  };
  return { parts, scans, counts };
}
