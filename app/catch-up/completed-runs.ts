import type { Arrival } from "../accept/arrival.ts";
import { onlyBranch } from "../config/refs.ts";
import type { TargetConfig } from "../config/schema.ts";
import { ifChanged } from "../github/github-error.ts";
import { ItemReader } from "../github/item-reader.ts";
import { callLimit, type Octokit, ownerAndName } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { PlaceScan, type PlaceScanParts } from "../upkeep/place-scan.ts";
import { explainMissingWorkflow } from "./missing-workflow.ts";
import { type Collected, recordScan, type Scan, watchedSince } from "./scan.ts";
import { scanEach } from "./scan-each.ts";
import { type CompletedRun, completedRun, unrecordedRuns } from "./unrecorded-runs.ts";

/** How far back completed runs are compared. */
const LOOK_BACK_MS = 72 * 60 * 60_000;
/** GitHub filters runs by when they were created. A run may complete this long after: by a re-run or an approval. */
const MAY_COMPLETE_MS = 31 * 24 * 60 * 60_000;
/** How often runs that complete late are listed: they may be many pages, and few of them matter. */
const LATE_EVERY_MS = 60 * 60_000;
/** The part of an account's hourly calls that this scan may spend: 500 of 5,000. */
const SHARE = 0.1;
const PER_PAGE = 100;
/** GitHub lists no more than 1,000 runs for a filter. */
const MAX_PAGES = 10;

/**
 * Finds the successful runs of the last 72 hours that have no event on record: GitHub never sent it. GitHub lists a run
 * with its latest attempt only. So a lost event of an earlier attempt is not found after a re-run.
 */
export class CompletedRuns implements Scan {
  readonly name = "the reconciling";
  readonly everyMs = 10 * 60_000;
  #o: PlaceScanParts;
  #scan: PlaceScan<Place>;
  #items: ItemReader;
  /** The ETags of lists whose runs are all on record. While such a list does not change, no run is missing. */
  #settled = new Map<string, { created: string; etag: string }>();

  constructor(options: PlaceScanParts) {
    this.#o = options;
    this.#items = new ItemReader(options.log);
    const byWorkflow = Map.groupBy(
      options.targets,
      ({ repository, workflow }) => `${repositoryKey(repository)} ${workflow}`,
    );
    const places = [...byWorkflow].flatMap(([key, targets]) => {
      const branch = onlyBranch(targets);
      return targets.slice(0, 1).map(({ repository, workflow }): [string, Place] => {
        return [key, { repository, workflow, branch, lateDueAt: null }];
      });
    });
    this.#scan = new PlaceScan({
      ...options,
      name: "reconcile",
      places: new Map(places),
      everyMs: this.everyMs,
      share: SHARE,
    });
  }

  /** Makes all workflows due. */
  askAll(): void {
    this.#scan.askAll();
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    const { store, clock, targets, access, lease, log } = this.#o;
    const begun = clock.now();
    const monotonic = clock.monotonic();
    const lookedLate: Place[] = [];
    const due = await this.#scan.next();
    const seen = new Map<Place, number | null>();
    const watched = await watchedSince(store, targets);
    const { found, failure } = await scanEach(
      due,
      async ({ key, place }) => {
        // Not at the first scan: after a takeover others wait for that one to end.
        const late = place.lateDueAt !== null && monotonic >= place.lateDueAt;
        if (late || place.lateDueAt === null) place.lateDueAt = monotonic + this.everyMs;
        const since = {
          created: begun - (late ? MAY_COMPLETE_MS : LOOK_BACK_MS),
          completed: begun - LOOK_BACK_MS,
        };
        const missing = await this.#missing(place, `${key} ${late}`, since, watched, signal);
        if (late) lookedLate.push(place);
        seen.set(place, null);
        return missing;
      },
      ({ place }, problem) => {
        seen.set(place, null);
        log.warn(`${place.workflow} of ${place.repository} is not compared with GitHub's runs: ${problem}`);
        access.forget(place.repository);
      },
      "Actions: read",
    );
    return {
      arrivals: found,
      failure,
      done: async (counts) => {
        await this.#scan.done(due, seen, begun);
        for (const place of lookedLate) place.lateDueAt = monotonic + LATE_EVERY_MS;
        await recordScan(lease, "reconcile", begun, counts);
      },
    };
  }

  /** The runs without a record. `list` is the key of the list, `since` says how far back it reaches (ms). */
  async #missing(
    place: Place,
    list: string,
    since: { created: number; completed: number },
    watched: ReadonlyMap<TargetConfig, number>,
    signal: AbortSignal,
  ): Promise<Arrival[]> {
    // The filter stays the same all day, so that the ETag of the answer does too.
    const created = new Date(since.created).toISOString().slice(0, 10);
    const settled = this.#settled.get(list);
    const etag = settled?.created === created ? settled.etag : null;
    const octokit = await this.#o.access.octokit(place.repository);
    const listed = await this.#successfulRuns(
      octokit,
      place,
      { created, etag, completed: since.completed },
      signal,
    ).catch((error) => explainMissingWorkflow(error, octokit, place, signal));
    if (!listed) return [];
    const missing = await unrecordedRuns(this.#o.store, place.repository, listed.runs, watched);
    if (missing.length === 0 && listed.etag !== null) this.#settled.set(list, { created, etag: listed.etag });
    else this.#settled.delete(list);
    return missing;
  }

  /** Null when nothing has changed since GitHub gave the ETag. */
  async #successfulRuns(
    octokit: Octokit,
    { repository, workflow, branch }: Place,
    since: { created: string; etag: string | null; completed: number },
    signal: AbortSignal,
  ): Promise<{ runs: CompletedRun[]; etag: string | null } | null> {
    const runs: CompletedRun[] = [];
    let etag: string | null = null;
    for (let page = 1; page <= MAX_PAGES; page++) {
      const { answer } = await ifChanged(() =>
        octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
          ...ownerAndName(repository),
          workflow_id: workflow.replace(/^.*\//, ""),
          status: "success",
          created: `>=${since.created}`,
          ...(branch === null ? {} : { branch }),
          per_page: PER_PAGE,
          page,
          headers: page === 1 && since.etag !== null ? { "if-none-match": since.etag } : {},
          request: callLimit(signal),
        }),
      );
      if (!answer) return null;
      const { data, headers } = answer;
      etag = page === 1 && data.workflow_runs.length < PER_PAGE ? (headers.etag ?? null) : null;
      const listed = this.#items.readEach(
        data.workflow_runs,
        `a run of ${workflow} of ${repository}`,
        (run) => completedRun(run, this.#o.targets, this.#o.names),
      );
      runs.push(...listed.filter(({ completedAt }) => completedAt >= since.completed));
      if (data.workflow_runs.length < PER_PAGE) break;
    }
    return { runs: runs.filter(({ targets }) => targets.length > 0), etag };
  }
}

/** A workflow, and the branch if all its targets deploy the same one. */
interface Place {
  repository: string;
  workflow: string;
  branch: string | null;
  /** When runs that complete late are due to be listed (ms, monotonic); null before the first scan. */
  lateDueAt: number | null;
}
