import type { TargetConfig } from "../config/schema.ts";
import { type FoundGap, findGap } from "../queue/claim/earlier-runs.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord, TargetRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** Of a long queue, this many are reviewed at a time. */
const MOST_AT_ONCE = 20;

/** A deployment that waits for earlier runs. */
export interface Wait {
  deployment: DeploymentRecord;
  gap: FoundGap;
}

/** The deployments that wait on a target. */
export interface WaitingTarget {
  config: TargetConfig;
  row: TargetRow;
  waits: Wait[];
  /** The ids of deployments that have waited and miss no run any more. */
  free: string[];
}

/** The queued deployments that no runner may claim yet, because earlier runs are missing. */
export function heldDeployments(store: Store) {
  return store.read
    .selectFrom("deployments")
    .select(["id", "repository_key", "target"])
    .where("status", "=", "queued")
    .where("order_gap", "is not", null)
    .where("order_cleared_at", "is", null)
    .execute();
}

/** The deployments queued on a target, each with the gap before it. */
export async function waitingOn(store: Store, config: TargetConfig): Promise<WaitingTarget> {
  const place = { repository: repositoryKey(config.repository), target: config.name };
  const row = await store.read
    .selectFrom("targets")
    .selectAll()
    .where("repository", "=", place.repository)
    .where("target", "=", place.target)
    .executeTakeFirstOrThrow();
  const queued = await store.read
    .selectFrom("deployments")
    .selectAll()
    .where("repository_key", "=", place.repository)
    .where("target", "=", place.target)
    .where("status", "=", "queued")
    .orderBy("order_run_id")
    .limit(MOST_AT_ONCE)
    .execute();
  const waits: Wait[] = [];
  const free: string[] = [];
  for (const deployment of queued) {
    const gap = await findGap(store.read, config.workflow, row, deployment);
    if (gap) waits.push({ deployment, gap });
    else if (deployment.order_gap !== null) free.push(deployment.id);
  }
  return { config, row, waits, free };
}

/** Whether a run lies in the gap of a deployment that waits here. */
export function wants(
  { row, waits }: WaitingTarget,
  { run_number, id }: { run_number: number; id: number },
): boolean {
  return waits.some(
    ({ deployment, gap }) =>
      id < deployment.order_run_id &&
      (gap.sure || id > row.mark_run_id) &&
      gap.missing.some(([from, to]) => run_number >= from && run_number <= to),
  );
}
