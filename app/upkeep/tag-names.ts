import { NO_NAMES, type RepositoryNames } from "../accept/repository-names.ts";
import { branchRef, exactBranches, isBranch, matchesRef, nameOfRef, refsOfName } from "../config/refs.ts";
import type { TargetConfig } from "../config/schema.ts";
import { classifyGitHubError } from "../github/github-error.ts";
import type { TagEvent } from "../github/tag-event.ts";
import { announce } from "../queue/announce.ts";
import { askForScan } from "../queue/ask-for-scan.ts";
import { IS_NO_TAG, IS_TAG, TAG_SCAN, tagPlace } from "../queue/find-ref.ts";
import { inSlices } from "../store/in-slices.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store, StoreContext, Writer } from "../store/store.ts";
import { NamedRefs, type Place } from "./named-refs.ts";
import { AskedPlaces, type PlaceScanParts, ScheduledScan } from "./place-scan.ts";
import { failureOf, settleInGroups } from "./settle-in-groups.ts";

const EVERY_MS = 60 * 60_000;
/** The part of an account's hourly calls that this scan may spend: 250 of 5,000. */
const SHARE = 0.05;

/** The ref that a waiting deployment turned out to be of; without one, the reason why it may not begin. */
type Verdict = { id: string } & ({ ref: string } | { refused: string });

/** The result of the scan of a name. */
interface Result {
  /** Whether the name is a tag; absent if the scan failed. */
  result?: string;
  trouble: string | null;
  verdicts: Verdict[];
}

/** The names of the branches that targets deploy, by their keys in the store. */
function placesOf(targets: readonly TargetConfig[]): Map<string, Place> {
  return new Map(
    targets.flatMap(({ repository, refs }) =>
      exactBranches(refs).map((name) => [
        tagPlace(repositoryKey(repository), branchRef(name)),
        { repository, name },
      ]),
    ),
  );
}

/** The name with this key, if a target is of its repository. */
function placeFrom(key: string, targets: readonly TargetConfig[]): Place | undefined {
  const [repository, ...rest] = key.split(" ");
  const ref = rest.join(" ");
  const target = targets.find((one) => repositoryKey(one.repository) === repository);
  return target && isBranch(ref) ? { repository: target.repository, name: nameOfRef(ref) } : undefined;
}

/** Records that a tag was made or removed, if a target deploys branches of its name. Resolves when that is on record. */
export function tagLookup(
  store: Store,
  targets: readonly TargetConfig[],
  names: RepositoryNames = NO_NAMES,
): (event: TagEvent) => Promise<void> {
  return async ({ repository, name, made }) => {
    const key = names.keyOf(repository);
    const here = targets.filter((target) => repositoryKey(target.repository) === key);
    if (!here.some(({ refs }) => matchesRef(refs, branchRef(name)))) return;
    const place = tagPlace(key, branchRef(name));
    // Events arrive in any order, so that only a scan can tell that a tag is gone.
    const known = made ? { result: IS_TAG } : {};
    await store.write((trx) => askForScan(trx, store, { scan: TAG_SCAN, place, ...known }));
  };
}

/**
 * Knows which branches of the targets have the name of a tag as well. A run's event has the name alone. So the run of a
 * tag looks like a run of the branch. Names are scanned at the start, every hour, and after an event about a tag.
 * A run whose name may be a tag's is looked up at GitHub. It is of a branch or tag that has its commit.
 */
export class TagNames {
  #o: PlaceScanParts;
  #places: ReadonlyMap<string, Place>;
  #scan: ScheduledScan<Place>;
  #asked: AskedPlaces;

  constructor(options: PlaceScanParts) {
    this.#o = options;
    const { store, lease, targets } = options;
    this.#places = placesOf(targets);
    this.#scan = new ScheduledScan({
      ...options,
      name: TAG_SCAN,
      task: "the scan for tags that are named like a branch",
      scan: (signal) => this.scan(signal),
      places: this.#places,
      otherPlace: (key) => placeFrom(key, targets),
      everyMs: EVERY_MS,
      share: SHARE,
    });
    this.#asked = new AskedPlaces({
      store,
      scan: TAG_SCAN,
      canRun: () => lease.held,
      onAsked: () => this.#scan.dueNow(),
    });
  }

  /** Scans all names now, and every hour from then on. */
  now(): void {
    this.#scan.now();
  }

  close(): Promise<void> {
    this.#asked.close();
    return this.#scan.close();
  }

  /** Scans the due names. Returns the error if some names must be scanned again. */
  async scan(signal: AbortSignal): Promise<unknown> {
    const { clock, store, access, log } = this.#o;
    const begun = clock.now();
    await this.#forget(begun - EVERY_MS);
    const due = await this.#scan.next();
    if (due.length === 0) return undefined;
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
        `cannot check whether ${place.name} of ${place.repository} is a tag as well: ${one.reason.message}; give the App the permission Contents: read`,
      );
    }
    await this.#record(results);
    await this.#scan.done(due, seen, begun);
    return due.every(({ place }) => seen.has(place)) ? undefined : failure;
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

  /** Whether a tag has this name. Also decides of which ref each waiting deployment is. */
  async #see(place: Place, signal: AbortSignal): Promise<Result> {
    const octokit = await this.#o.access.octokit(place.repository);
    const named = await NamedRefs.read(octokit, place, signal);
    const verdicts: Verdict[] = [];
    for (const waiting of await this.#waiting(place)) verdicts.push(await judge(waiting, named));
    return { result: named.isTag ? IS_TAG : IS_NO_TAG, trouble: null, verdicts };
  }

  /** The deployments that wait for this name, each with the refs that it may be of. */
  async #waiting({ repository, name }: Place): Promise<Waiting[]> {
    const key = repositoryKey(repository);
    const refs = refsOfName(branchRef(name));
    const rows = await this.#o.store.read
      .selectFrom("deployments")
      .select(["id", "sha", "ref", "target"])
      .where("repository_key", "=", key)
      .where("ref", "in", refs)
      .where("ref_unproven", "is not", null)
      .where("status", "=", "queued")
      .execute();
    return rows.map(({ id, sha, ref, target }) => {
      const rules = this.#o.targets.find((t) => repositoryKey(t.repository) === key && t.name === target);
      // Its own ref was allowed when it was accepted.
      const others = refs.filter((other) => other !== ref && matchesRef(rules?.refs ?? [], other));
      return { id, sha, refs: [ref, ...others] };
    });
  }

  /** Forgets names that no target names, an hour after their scan. A deployment that still waits for one asks again. */
  async #forget(before: number): Promise<void> {
    const { store, lease } = this.#o;
    const old = await store.read
      .selectFrom("scans")
      .select("place")
      .where("scan", "=", TAG_SCAN)
      .where("scanned_at", "<=", before)
      .whereRef("asked", "<=", "served")
      .execute();
    const places = old.map(({ place }) => place).filter((place) => !this.#places.has(place));
    if (places.length === 0) return;
    this.#asked.forget(places);
    await lease.write(async (trx) => {
      await inSlices(places, (slice) =>
        trx
          .deleteFrom("scans")
          .where("scan", "=", TAG_SCAN)
          .where("place", "in", slice)
          .whereRef("asked", "<=", "served")
          .execute(),
      );
      await store.notify(trx);
    });
  }

  async #apply(trx: Writer, store: StoreContext, verdict: Verdict): Promise<void> {
    const { id } = verdict;
    const refused = "refused" in verdict ? verdict.refused : null;
    const cancelled = { status: "cancelled" as const, reason: refused, finished_at: await store.now(trx) };
    const changed = await trx
      .updateTable("deployments")
      .set("ref" in verdict ? { ref: verdict.ref, ref_unproven: null, reason: null } : cancelled)
      .where("id", "=", id)
      .where("status", "=", "queued")
      // A request may have proven it in the meantime.
      .where("ref_unproven", "is not", null)
      .returning("id")
      .executeTakeFirst();
    if (!changed || refused === null) return;
    this.#o.log.warn({ deployment: id }, refused);
    await announce(trx, store, [{ id, status: "cancelled", detail: refused }]);
  }
}

/** A deployment whose ref is not known. */
interface Waiting {
  id: string;
  sha: string;
  /** The refs that it may be of. */
  refs: string[];
}

/** Decides of which ref a deployment is. The first one that has its commit counts. */
async function judge({ id, sha, refs }: Waiting, named: NamedRefs): Promise<Verdict> {
  const reasons: string[] = [];
  for (const ref of refs) {
    const reason = await named.whyNot(ref, sha);
    if (reason === null) return { id, ref };
    reasons.push(reason);
  }
  return { id, refused: `its run is not of ${refs.join(" or ")}: ${reasons.join(", and ")}` };
}
