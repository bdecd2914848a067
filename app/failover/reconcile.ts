import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { ControllerLease } from "./controller-lease.ts";
import { type Collected, type Look, recordLook, watchedSince } from "./look.ts";
import { lookAtEach } from "./look-at-each.ts";
import { type CompletedRun, completedRun, unrecordedRuns } from "./unrecorded-runs.ts";

/** How far back completed runs are compared. */
const LOOK_BACK_MS = 72 * 60 * 60_000;
/** GitHub lists runs by when they were created: so long after that they may be run again, or wait for an approval. */
const MAY_COMPLETE_MS = 31 * 24 * 60 * 60_000;
/** How often those are looked for: they may be many pages, and few of them matter. */
const LATE_EVERY_MS = 60 * 60_000;
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
  #workflows: Place[];

  constructor(options: ReconcileOptions) {
    this.#o = options;
    const byWorkflow = Map.groupBy(
      options.targets,
      ({ repository, workflow }) => `${repositoryKey(repository)} ${workflow}`,
    );
    this.#workflows = [...byWorkflow.values()].flatMap((targets) => {
      const [branch = null, ...others] = new Set(targets.flatMap(({ branches }) => branches));
      return targets.slice(0, 1).map((target) => ({
        ...target,
        branch: others.length > 0 ? null : branch,
        lateDueAt: null,
      }));
    });
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    const { store, clock, targets, access, lease, log } = this.#o;
    const begun = clock.now();
    const monotonic = clock.monotonic();
    const lookedLate: Place[] = [];
    const watched = await watchedSince(store, targets);
    const { found, failure } = await lookAtEach(
      this.#workflows,
      async (place) => {
        // Not at first: who has just taken over has others waiting for this look to end.
        const late = place.lateDueAt !== null && monotonic >= place.lateDueAt;
        if (late || place.lateDueAt === null) place.lateDueAt = monotonic + this.everyMs;
        const since = {
          created: begun - (late ? MAY_COMPLETE_MS : LOOK_BACK_MS),
          completed: begun - LOOK_BACK_MS,
        };
        const runs = await this.#successfulRuns(place, since, signal);
        const missing = await unrecordedRuns(store, place.repository, runs, watched);
        if (late) lookedLate.push(place);
        return missing;
      },
      (place, problem) => {
        log.warn(`${place.workflow} of ${place.repository} is not compared with GitHub's runs: ${problem}`);
        access.forget();
      },
      "Actions: read",
    );
    return {
      arrivals: found,
      failure,
      done: (results) => {
        for (const place of lookedLate) place.lateDueAt = monotonic + LATE_EVERY_MS;
        return recordLook(lease, "reconcile", begun, results);
      },
    };
  }

  async #successfulRuns(
    { repository, workflow, branch }: Place,
    since: { created: number; completed: number },
    signal: AbortSignal,
  ) {
    const octokit = await this.#o.access.octokit(repository);
    const created = new Date(since.created).toISOString();
    const runs: CompletedRun[] = [];
    for (let page = 1; page <= MAX_PAGES; page++) {
      const { data } = await octokit.request(
        "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
        {
          ...ownerAndName(repository),
          workflow_id: workflow.replace(/^.*\//, ""),
          status: "success",
          created: `>=${created.replace(/\.\d+/, "")}`,
          ...(branch === null ? {} : { branch }),
          per_page: PER_PAGE,
          page,
          request: callLimit(signal),
        },
      );
      for (const run of data.workflow_runs) {
        if (Date.parse(run.updated_at) >= since.completed) runs.push(completedRun(run, this.#o.targets));
      }
      if (data.workflow_runs.length < PER_PAGE) break;
    }
    return runs.filter(({ targets }) => targets.length > 0);
  }
}

/** A workflow, and the branch, where all targets of the workflow agree on one. */
interface Place {
  repository: string;
  workflow: string;
  branch: string | null;
  /** When runs that complete late are to be looked for (ms, monotonic); null before the first look. */
  lateDueAt: number | null;
}
