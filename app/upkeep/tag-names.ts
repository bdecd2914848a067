import { NO_NAMES, type RepositoryNames } from "../accept/repository-names.ts";
import type { TargetConfig } from "../config/schema.ts";
import { classifyGitHubError } from "../github/github-error.ts";
import { callLimit, type Octokit, ownerAndName } from "../github/repository-access.ts";
import type { TagEvent } from "../github/tag-event.ts";
import { announce } from "../queue/announce.ts";
import { askForScan } from "../queue/ask-for-scan.ts";
import { IS_NO_TAG, IS_TAG, TAG_SCAN, tagPlace } from "../queue/find-ref.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store, StoreContext, Writer } from "../store/store.ts";
import { AskedPlaces, PlaceScan, type PlaceScanParts } from "./place-scan.ts";
import { Scheduler, type Task } from "./scheduler.ts";
import { failureOf, settleInGroups } from "./settle-in-groups.ts";

const TASK: Task = { name: "the scan for tags that are named like a branch", everyMs: 60 * 60_000 };
/** The part of an account's hourly calls that this scan may spend: 250 of 5,000. */
const SHARE = 0.05;

/** A branch that a target deploys. */
interface Place {
  repository: string;
  branch: string;
}

/** Whether a deployment whose branch has the name of a tag is of the branch. */
interface Verdict {
  id: string;
  ofBranch: boolean;
}

/** The result of the scan of a name. */
interface Result {
  /** Whether the name is a tag; absent if the scan failed. */
  result?: string;
  trouble: string | null;
  verdicts: Verdict[];
}

/** The branches that targets deploy, by their keys in the store. */
function placesOf(targets: readonly TargetConfig[]): Map<string, Place> {
  return new Map(
    targets.flatMap(({ repository, branches }) =>
      branches.map((branch) => [
        tagPlace(repositoryKey(repository), `refs/heads/${branch}`),
        { repository, branch },
      ]),
    ),
  );
}

/** Records that a tag with the name of a target's branch was made or removed. Resolves when that is on record. */
export function tagLookup(
  store: Store,
  targets: readonly TargetConfig[],
  names: RepositoryNames = NO_NAMES,
): (event: TagEvent) => Promise<void> {
  const places = placesOf(targets);
  return async ({ repository, name, made }) => {
    const place = tagPlace(names.keyOf(repository), `refs/heads/${name}`);
    if (!places.has(place)) return;
    // Events arrive in any order, so that only a scan can tell that a tag is gone.
    const known = made ? { result: IS_TAG } : {};
    await store.write((trx) => askForScan(trx, store, { scan: TAG_SCAN, place, ...known }));
  };
}

/**
 * Knows which branches of the targets have the name of a tag as well. A run's event has the name alone. So the run of a
 * tag looks like a run of the branch. Names are scanned at the start, every hour, and after an event about a tag.
 * Only a run whose name is both is looked up at GitHub. It is the branch's if the branch has its commit.
 */
export class TagNames {
  #o: PlaceScanParts;
  #scan: PlaceScan<Place>;
  #asked: AskedPlaces;
  #scheduler: Scheduler<Task>;

  constructor(options: PlaceScanParts) {
    this.#o = options;
    const { store, clock, log, lease } = options;
    this.#scan = new PlaceScan({
      ...options,
      name: TAG_SCAN,
      places: placesOf(options.targets),
      everyMs: TASK.everyMs,
      share: SHARE,
    });
    this.#scheduler = new Scheduler<Task>({
      tasks: [TASK],
      work: (_, signal) => this.look(signal),
      canRun: () => lease.held,
      clock,
      log,
    });
    this.#asked = new AskedPlaces({
      store,
      scan: TAG_SCAN,
      canRun: () => lease.held,
      onAsked: () => void this.#scheduler.runNow(),
    });
  }

  /** Scans all names now, and every hour from then on. */
  now(): void {
    this.#scan.askAll();
    void this.#scheduler.runNow();
  }

  close(): Promise<void> {
    this.#asked.close();
    return this.#scheduler.close();
  }

  /** Scans the due names. Returns the task with its error if some names must be scanned again. */
  async look(signal: AbortSignal): Promise<ReadonlyMap<Task, unknown>> {
    const { clock, store, access, log } = this.#o;
    const begun = clock.now();
    const due = await this.#scan.next();
    if (due.length === 0) return new Map();
    // The store's time, since claims compare it with that.
    const seenAt = await store.now(store.read);
    const settled = await settleInGroups(due, ({ place }) => this.#see(place, signal));
    signal.throwIfAborted();
    const failure = failureOf(settled) as Error | undefined;
    const seen = new Map<Place, number | null>();
    // Names that were not tried after a failure get its message.
    const results = new Map<string, Result>(
      due.map(({ key }) => [key, { trouble: failure?.message ?? "", verdicts: [] }]),
    );
    for (const one of settled) {
      const { key, place } = one.item;
      if (one.status === "fulfilled") {
        results.set(key, one.value);
        seen.set(place, seenAt);
        continue;
      }
      results.set(key, { trouble: one.reason.message, verdicts: [] });
      if (classifyGitHubError(one.reason, clock.now()).kind !== "refused") continue;
      seen.set(place, null);
      access.forget(place.repository);
      log.warn(
        `cannot check whether ${place.branch} of ${place.repository} is a tag as well: ${one.reason.message}; give the App the permission Contents: read`,
      );
    }
    await this.#record(results);
    await this.#scan.done(due, seen, begun);
    return due.every(({ place }) => seen.has(place)) ? new Map() : new Map([[TASK, failure]]);
  }

  #record(results: ReadonlyMap<string, Result>): Promise<void> {
    return this.#o.lease.write(async (trx, store) => {
      for (const [place, { verdicts, ...found }] of results) {
        await trx
          .insertInto("scans")
          .values({ scan: TAG_SCAN, place, asked: 0, served: 0, ...found })
          .onConflict((c) => c.columns(["scan", "place"]).doUpdateSet(found))
          .execute();
        for (const verdict of verdicts) await this.#apply(trx, store, verdict);
      }
      await store.notify(trx);
    });
  }

  /** Whether a tag has this name. If so, decides for each waiting deployment whether it is of the branch. */
  async #see({ repository, branch }: Place, signal: AbortSignal): Promise<Result> {
    const octokit = await this.#o.access.octokit(repository);
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/git/matching-refs/{ref}", {
      ...ownerAndName(repository),
      ref: `tags/${branch}`,
      request: callLimit(signal),
    });
    if (!data.some(({ ref }) => ref === `refs/tags/${branch}`))
      return { result: IS_NO_TAG, trouble: null, verdicts: [] };
    const waiting = await this.#o.store.read
      .selectFrom("deployments")
      .select(["id", "sha"])
      .where("repository_key", "=", repositoryKey(repository))
      .where("ref", "=", `refs/heads/${branch}`)
      .where("ref_unproven", "is not", null)
      .where("status", "=", "queued")
      .execute();
    if (waiting.length === 0) return { result: IS_TAG, trouble: null, verdicts: [] };
    const head = await headOf(octokit, { repository, branch }, signal);
    const verdicts: Verdict[] = [];
    for (const { id, sha } of waiting)
      verdicts.push({
        id,
        ofBranch: head !== null && (await reaches(octokit, repository, head, sha, signal)),
      });
    return { result: IS_TAG, trouble: null, verdicts };
  }

  async #apply(trx: Writer, store: StoreContext, { id, ofBranch }: Verdict): Promise<void> {
    const ended = {
      status: "cancelled" as const,
      reason: "its run is of a tag that has the name of the branch: the branch does not have its commit",
      finished_at: await store.now(trx),
    };
    const changed = await trx
      .updateTable("deployments")
      .set(ofBranch ? { ref_unproven: null, reason: null } : ended)
      .where("id", "=", id)
      .where("status", "=", "queued")
      .returning("id")
      .executeTakeFirst();
    if (!changed || ofBranch) return;
    this.#o.log.warn({ deployment: id }, ended.reason);
    await announce(trx, store, [{ id, status: "cancelled", detail: ended.reason }]);
  }
}

/** The newest commit of a branch; null if there is no such branch. */
async function headOf(
  octokit: Octokit,
  { repository, branch }: Place,
  signal: AbortSignal,
): Promise<string | null> {
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/git/matching-refs/{ref}", {
    ...ownerAndName(repository),
    ref: `heads/${branch}`,
    request: callLimit(signal),
  });
  return data.find(({ ref }) => ref === `refs/heads/${branch}`)?.object.sha ?? null;
}

/** Whether `sha` is `head`, or an ancestor of it. */
async function reaches(
  octokit: Octokit,
  repository: string,
  head: string,
  sha: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (head === sha) return true;
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
      ...ownerAndName(repository),
      basehead: `${sha}...${head}`,
      per_page: 1,
      request: callLimit(signal),
    });
    return data.status === "ahead" || data.status === "identical";
  } catch (error) {
    // GitHub has no such commit, or the two have nothing in common.
    if ((error as { status?: number }).status === 404) return false;
    throw error;
  }
}
