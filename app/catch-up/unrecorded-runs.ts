import { z } from "zod";
import type { Arrival } from "../accept/arrival.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import { type JudgedRun, judgeWorkflowRun, NO_SUCCESS, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { TargetConfig } from "../config/schema.ts";
import { RUN_KEY } from "../store/delivery-key.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";

/** A run that has ended, from GitHub's list, judged as its event would have been. */
export type CompletedRun = JudgedRun & { completedAt: number };

const listedRun = z.object({ updated_at: z.iso.datetime({ offset: true }), repository: z.unknown() });

/**
 * Judges a completed run from GitHub's list.
 * @throws {z.ZodError} if it does not have the shape of a run.
 */
export function completedRun(
  run: unknown,
  targets: readonly TargetConfig[],
  names?: RepositoryNames,
): CompletedRun {
  const { updated_at, repository } = listedRun.parse(run);
  const event = { action: "completed", workflow_run: run, repository };
  return {
    ...judgeWorkflowRun(parseWorkflowRun(event), targets, names),
    completedAt: Date.parse(updated_at),
  };
}

/**
 * The arrivals of a repository's runs that have neither an event nor a deployment on record. A run counts for a target
 * only if it completed after the target was first watched.
 */
export async function unrecordedRuns(
  store: Store,
  repository: string,
  runs: readonly CompletedRun[],
  watched: ReadonlyMap<TargetConfig, number>,
): Promise<Arrival[]> {
  const isKnown = await onRecord(
    store,
    repository,
    runs.map(({ facts }) => facts.runId as number),
  );
  return runs
    .map(({ completedAt, ...run }) => ({
      ...run,
      targets: run.targets.filter(
        (target) =>
          completedAt >= (watched.get(target) ?? Number.POSITIVE_INFINITY) && !isKnown(run.facts, target),
      ),
      source: "reconcile" as const,
      guid: null,
      event: "workflow_run",
      payload: null,
      viaRunAttempt: null,
    }))
    .filter(({ targets }) => targets.length > 0);
}

/**
 * Tells whether a successful run is on record for a target. Either a deployment shows it, or an event of its success
 * does, whatever came of that event. An attempt may end twice: a run that waits for an approval ends as
 * `action_required` before.
 */
async function onRecord(store: Store, repository: string, runIds: number[]) {
  if (runIds.length === 0) return () => false;
  const key = repositoryKey(repository);
  const events = await store.read
    .selectFrom("deliveries")
    .select(["run_id", "run_attempt"])
    .where(RUN_KEY, "in", runIds)
    .where("repository", "=", key)
    .where("event", "=", "workflow_run")
    .where("action", "=", "completed")
    .where((e) => e.or([e("reason", "is", null), e("reason", "not like", `${NO_SUCCESS}%`)]))
    .execute();
  const deployments = await store.read
    .selectFrom("deployments")
    .select(["target", "run_id", "run_attempt"])
    .where("repository_key", "=", key)
    .where("run_id", "in", runIds)
    .execute();
  const known = new Set([
    ...events.map(({ run_id, run_attempt }) => `${run_id} ${run_attempt}`),
    ...deployments.map(({ target, run_id, run_attempt }) => `${run_id} ${run_attempt} ${target}`),
  ]);
  return ({ runId, runAttempt }: CompletedRun["facts"], { name }: TargetConfig) =>
    known.has(`${runId} ${runAttempt}`) || known.has(`${runId} ${runAttempt} ${name}`);
}
