import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import type { Arrival } from "../accept/arrival.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";

/** How far back runs are compared. */
const LOOK_BACK_MS = 72 * 60 * 60_000;
const PER_PAGE = 100;
/** A look reads no more than this of one workflow: it must end, however much there is. */
const MAX_PAGES = 10;

export interface ReconcileOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  targets: readonly TargetConfig[];
  acceptor: Acceptor;
  access: RepositoryAccess;
}

/**
 * Accepts the completed runs of the last 72 hours that are not on record: events that GitHub never sent, or
 * whose rows are gone from its log.
 */
export async function reconcile(options: ReconcileOptions, signal: AbortSignal): Promise<number> {
  const { store, log, targets, acceptor } = options;
  const workflows = new Map<string, TargetConfig>();
  for (const target of targets)
    workflows.set(`${repositoryKey(target.repository)}\n${target.workflow}`, target);
  const arrivals: Arrival[] = [];
  for (const { repository, workflow } of workflows.values()) {
    const watched = await store.read
      .selectFrom("targets")
      .select(["target", "watch_from"])
      .where("repository", "=", repositoryKey(repository))
      .execute();
    for await (const run of completedRuns(options, repository, workflow, signal)) {
      const event = parseWorkflowRun({ action: "completed", workflow_run: run, repository: run.repository });
      const judged = judgeWorkflowRun(event, targets);
      const completedAt = Date.parse(run.updated_at);
      const due: Arrival["targets"] = [];
      for (const target of judged.targets) {
        const since = watched.find((row) => row.target === target.name)?.watch_from;
        if (since == null || completedAt < since) continue;
        if (!(await isOnRecord(store, judged, target.name))) due.push(target);
      }
      if (due.length > 0)
        arrivals.push({
          ...judged,
          targets: due,
          source: "reconcile",
          guid: null,
          event: "workflow_run",
          payload: null,
          viaRunAttempt: null,
        });
    }
  }
  arrivals.sort((a, b) => (a.facts?.runId ?? 0) - (b.facts?.runId ?? 0));
  const accepted = await Promise.all(arrivals.map((arrival) => acceptor.accept(arrival)));
  if (arrivals.length > 0)
    log.warn({ found: arrivals.length }, "accepted completed runs of which no event had arrived");
  return accepted.length;
}

async function* completedRuns(
  { access, clock }: ReconcileOptions,
  repository: string,
  workflow: string,
  signal: AbortSignal,
) {
  const octokit = await access.octokit(repository);
  const created = `>=${new Date(clock.now() - LOOK_BACK_MS).toISOString()}`;
  for (let page = 1; page <= MAX_PAGES; page++) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
      ...ownerAndName(repository),
      workflow_id: workflow.replace(/^.*\//, ""),
      status: "success",
      created,
      per_page: PER_PAGE,
      page,
      request: callLimit(signal),
    });
    yield* data.workflow_runs;
    if (data.workflow_runs.length < PER_PAGE) return;
  }
}

async function isOnRecord(
  store: Store,
  { facts, repository }: Pick<Arrival, "facts" | "repository">,
  target: string,
): Promise<boolean> {
  const row = await store.read
    .selectFrom("deployments")
    .select("id")
    .where("repository_key", "=", repository)
    .where("target", "=", target)
    .where("run_id", "=", facts?.runId ?? 0)
    .where("run_attempt", "=", facts?.runAttempt ?? 0)
    .executeTakeFirst();
  return row !== undefined;
}
