import type { Logger } from "pino";
import type { Arrival } from "../accept/arrival.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { ControllerLease } from "./controller-lease.ts";
import { type Collected, type Look, recordLook, watchedSince } from "./look.ts";
import { lookAtEach } from "./look-at-each.ts";

/** How far back runs are compared. */
const LOOK_BACK_MS = 72 * 60 * 60_000;
const PER_PAGE = 100;
/** GitHub lists no more than 1,000 runs of a search. */
const MAX_PAGES = 10;

export interface ReconcileOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  targets: readonly TargetConfig[];
  access: RepositoryAccess;
  lease: ControllerLease;
}

/**
 * Finds the successful runs of the last 72 hours of which no event is on record: those that GitHub never sent.
 * GitHub lists a run with its latest attempt; an earlier one that was lost is not missed once it was run again.
 */
export class Reconcile implements Look {
  readonly name = "the reconciling";
  readonly everyMs = 10 * 60_000;
  #o: ReconcileOptions;
  /** One target per workflow, and the branch, where all targets of the workflow agree on one. */
  #workflows: { repository: string; workflow: string; branch: string | null }[];

  constructor(options: ReconcileOptions) {
    this.#o = options;
    const byWorkflow = Map.groupBy(
      options.targets,
      ({ repository, workflow }) => `${repositoryKey(repository)} ${workflow}`,
    );
    this.#workflows = [...byWorkflow.values()].flatMap((targets) => {
      const [branch = null, ...others] = new Set(targets.flatMap(({ branches }) => branches));
      return targets.slice(0, 1).map((target) => ({ ...target, branch: others.length > 0 ? null : branch }));
    });
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    const { store, clock, targets, access, lease, log } = this.#o;
    const begun = clock.now();
    const watched = await watchedSince(store, targets);
    const { found, failure } = await lookAtEach(
      this.#workflows,
      async ({ repository, workflow, branch }) => {
        const runs = await this.#successfulRuns(repository, workflow, branch, signal);
        return this.#missing(repository, runs, watched);
      },
      {
        access,
        log,
        permission: "Actions: read",
      },
    );
    return { arrivals: found, failure, done: (results) => recordLook(lease, "reconcile", begun, results) };
  }

  async #successfulRuns(repository: string, workflow: string, branch: string | null, signal: AbortSignal) {
    const octokit = await this.#o.access.octokit(repository);
    const since = new Date(this.#o.clock.now() - LOOK_BACK_MS).toISOString();
    const runs: Run[] = [];
    for (let page = 1; page <= MAX_PAGES; page++) {
      const { data } = await octokit.request(
        "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
        {
          ...ownerAndName(repository),
          workflow_id: workflow.replace(/^.*\//, ""),
          status: "success",
          created: `>=${since.replace(/\.\d+/, "")}`,
          ...(branch === null ? {} : { branch }),
          per_page: PER_PAGE,
          page,
          request: callLimit(signal),
        },
      );
      for (const run of data.workflow_runs) {
        const event = { action: "completed", workflow_run: run, repository: run.repository };
        const { facts, ...judged } = judgeWorkflowRun(parseWorkflowRun(event), this.#o.targets);
        runs.push({ ...judged, facts, completedAt: Date.parse(run.updated_at) });
      }
      if (data.workflow_runs.length < PER_PAGE) break;
    }
    return runs.filter(({ targets }) => targets.length > 0);
  }

  /** Those that were completed since their target is watched, and of which neither event nor deployment is known. */
  async #missing(
    repository: string,
    runs: readonly Run[],
    watched: ReadonlyMap<TargetConfig, number>,
  ): Promise<Arrival[]> {
    const due = runs
      .map(({ completedAt, ...run }) => ({
        ...run,
        targets: run.targets.filter((t) => completedAt >= (watched.get(t) ?? Number.POSITIVE_INFINITY)),
      }))
      .filter(({ targets }) => targets.length > 0);
    const known = await this.#attemptsOnRecord(repositoryKey(repository));
    return due
      .filter(({ facts }) => !known.has(attemptKey(facts.runId, facts.runAttempt)))
      .map((run) => ({
        ...run,
        source: "reconcile",
        guid: null,
        event: "workflow_run",
        payload: null,
        viaRunAttempt: null,
      }));
  }

  /** The run attempts of which an event has arrived, or a deployment was asked for by another route. */
  async #attemptsOnRecord(repository: string): Promise<Set<string>> {
    const { store, clock } = this.#o;
    // An attempt of a run of that time was completed, and its event received, no earlier.
    const since = clock.now() - LOOK_BACK_MS - CLOCKS_DIFFER_MS;
    const deliveries = await store.read
      .selectFrom("deliveries")
      .select(["run_id", "run_attempt"])
      .where("received_at", ">=", since)
      .where("repository", "=", repository)
      .where("run_id", "is not", null)
      .where((e) => e.or([e("action", "=", "completed"), e("outcome", "!=", "ignored")]))
      .execute();
    return new Set(deliveries.map(({ run_id, run_attempt }) => attemptKey(run_id, run_attempt)));
  }
}

/** Our clock and GitHub's may differ by this much. */
const CLOCKS_DIFFER_MS = 60 * 60_000;

type Run = ReturnType<typeof judgeWorkflowRun> & { completedAt: number };

function attemptKey(runId: number | null, runAttempt: number | null): string {
  return `${runId} ${runAttempt}`;
}
