import type { Logger } from "pino";
import { z } from "zod";
import { GITHUB_TASK } from "../../../shared/deployment-request.ts";
import type { Arrival } from "../../accept/arrival.ts";
import { NO_NAMES, type RepositoryNames } from "../../accept/repository-names.ts";
import type { VerifyProof } from "../../auth/parked-proof.ts";
import type { Clock } from "../../clock.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { ControllerLease } from "../../failover/controller-lease.ts";
import type { CallBudget } from "../../github/call-budget.ts";
import { parkedRequest, proofIn } from "../../github/deployments.ts";
import { ifChanged } from "../../github/github-error.ts";
import { ItemReader } from "../../github/item-reader.ts";
import {
  callLimit,
  type Octokit,
  ownerAndName,
  type RepositoryAccess,
} from "../../github/repository-access.ts";
import { askForScan } from "../../queue/ask-for-scan.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { Store } from "../../store/store.ts";
import { PlaceScan } from "../../upkeep/place-scan.ts";
import { type Collected, recordLook, type Scan, watchedSince } from "../scan.ts";
import { scanEach } from "../scan-each.ts";
import { answerParkedRequests, leftOnRecord } from "./answer.ts";
import { judgeParkedRequest, type ParkedRequest, parkedGuid } from "./parked-request.ts";

/** The name under which the last complete look is on record, and how far it is. */
export const PARKED_SCAN = "action_deployments";
/** The part of an account's hourly calls that looking at all its repositories in turn may take: 600 of 5,000. */
const SHARE = 0.12;
/** How far before the last look at a repository a new one reaches: GitHub's clock and this host's may differ. */
const OVERLAP_MS = 60 * 60_000;
/** How far back the first look goes. */
const LOOK_BACK_MS = 72 * 60 * 60_000;
/** What GitHub does not let be said on one for so long is not said: nobody waits for it any more. */
const SAY_FOR_MS = 24 * 60 * 60_000;
const PER_PAGE = 100;

export interface ActionDeploymentsOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  targets: readonly TargetConfig[];
  /** What the names in the configuration stand for; without it, for what is called so. */
  names?: RepositoryNames | undefined;
  access: RepositoryAccess;
  budget: CallBudget;
  lease: ControllerLease;
  verifyProof: VerifyProof;
}

/** Has the controller look at once at a repository that has a target; resolves when that is on record. */
export function parkedLookup(
  store: Store,
  targets: readonly TargetConfig[],
  names: RepositoryNames = NO_NAMES,
): (repository: string) => Promise<void> {
  const watched = new Set(targets.map(({ repository }) => repositoryKey(repository)));
  return async (repository) => {
    const key = names.keyOf(repository);
    if (watched.has(key))
      await store.write((trx) => askForScan(trx, store, { scan: PARKED_SCAN, place: key }));
  };
}

/** A repository's requests as GitHub last listed them. */
interface Listed {
  /** What GitHub is asked with next time; null where the list is longer than a page. */
  etag: string | null;
  /** How far back it was read (ms). */
  since: number;
  left: ParkedRequest[];
}

/**
 * Finds the requests that Actions left as GitHub Deployments, because no endpoint could be reached. GitHub's
 * `deployment` event tells at once where one was left; all repositories are looked at in turn beside that, since
 * GitHub may never have sent it.
 */
export class ParkedRequests implements Scan {
  readonly name = "the look for GitHub Deployments that an Action left";
  readonly everyMs = 60_000;
  #o: ActionDeploymentsOptions;
  #scan: PlaceScan<{ repository: string }>;
  #items: ItemReader;
  #lists = new Map<string, Listed>();
  #refused = new Set<string>();
  /** The GUIDs of those of which this process knows that nothing is left to say on them. */
  #answered = new Set<string>();
  /** Those on which something may be left to say, although they may be too old to be listed again. */
  #open: ParkedRequest[] = [];

  constructor(options: ActionDeploymentsOptions) {
    this.#o = options;
    this.#items = new ItemReader(options.log);
    const byKey = new Map(options.targets.map((t) => [repositoryKey(t.repository), t.repository]));
    this.#scan = new PlaceScan({
      ...options,
      name: PARKED_SCAN,
      places: new Map([...byKey].map(([key, repository]) => [key, { repository }])),
      everyMs: this.everyMs,
      share: SHARE,
    });
  }

  /** Whether some repository waits longer than a minute for its turn. */
  get takesTurns(): boolean {
    return this.#scan.longestInterval > this.everyMs;
  }

  /** All repositories are due. */
  askAll(): void {
    this.#scan.askAll();
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    const { store, clock, targets, lease, log } = this.#o;
    const begun = clock.now();
    /** When GitHub gave the first list, by its clock. */
    let told = Number.POSITIVE_INFINITY;
    const due = await this.#scan.next();
    const seen = new Map<{ repository: string }, number | null>();
    const watched = await watchedSince(store, targets);
    const left: ParkedRequest[] = [];
    const { found, failure } = await scanEach(
      due,
      async ({ place, seenAt }) => {
        const { repository } = place;
        const octokit = await this.#o.access.octokit(repository);
        const since = (seenAt ?? begun - LOOK_BACK_MS) - OVERLAP_MS;
        const { left: leftHere, at } = await this.#list(octokit, repository, since, signal);
        told = Math.min(told, at ?? told);
        left.push(...leftHere);
        const { arrivals, open } = await this.#judgeNew(octokit, leftHere, watched, signal);
        // Whose run has not ended yet is looked at again the next time, and not in its turn.
        if (open.every(({ createdAt }) => createdAt < (at ?? begun) - SAY_FOR_MS)) seen.set(place, at);
        return arrivals;
      },
      ({ place }, problem) => {
        const { repository } = place;
        seen.set(place, null);
        this.#o.access.forget(repository);
        // Once is enough for something that is looked at every minute.
        if (!this.#refused.has(repository))
          log.warn(`the GitHub Deployments of ${repository} are not looked at: ${problem}`);
        this.#refused.add(repository);
      },
      "Deployments: write",
    );
    const by = Number.isFinite(told) ? told : begun;
    return {
      arrivals: found,
      failure,
      done: async (counts) => {
        await this.#scan.done(due, seen, begun);
        if (failure === undefined) await recordLook(lease, PARKED_SCAN, by, counts);
        const listed = new Set(left.map(({ guid }) => guid));
        const known = new Set([...this.#lists.values()].flatMap((list) => list.left.map(({ guid }) => guid)));
        for (const guid of this.#answered) if (!known.has(guid)) this.#answered.delete(guid);
        const older = this.#open.filter(
          ({ guid, createdAt }) => !listed.has(guid) && createdAt > by - SAY_FOR_MS,
        );
        const all = [...older, ...left];
        try {
          await answerParkedRequests(all, this.#answered, this.#o, signal);
        } finally {
          this.#open = all.filter(({ guid }) => !this.#answered.has(guid));
        }
      },
    };
  }

  /** The requests that were left in a repository since then (ms), and when GitHub began to tell them, by its clock. */
  async #list(octokit: Octokit, repository: string, since: number, signal: AbortSignal) {
    const before = this.#lists.get(repository);
    const etag = before && before.since <= since ? before.etag : null;
    const { listed, at } = await leftDeployments(
      octokit,
      repository,
      { since, etag, items: this.#items },
      signal,
    );
    const { left } = listed ?? (before as Listed);
    const recent = left.filter(({ createdAt }) => createdAt >= since);
    this.#lists.set(repository, { etag, since, ...listed, left: recent });
    return { left: recent, at };
  }

  /** What arrives by those that no look has accepted or refused yet, and which of them cannot be judged yet. */
  async #judgeNew(
    octokit: Octokit,
    left: readonly ParkedRequest[],
    watched: ReadonlyMap<TargetConfig, number>,
    signal: AbortSignal,
  ): Promise<{ arrivals: Arrival[]; open: ParkedRequest[] }> {
    const { store, targets, names, verifyProof } = this.#o;
    const known = new Set((await leftOnRecord(store, left)).map(({ guid }) => guid));
    const arrivals: Arrival[] = [];
    const open: ParkedRequest[] = [];
    for (const deployment of left) {
      if (known.has(deployment.guid)) continue;
      const arrival = await judgeParkedRequest(octokit, deployment, {
        targets,
        names,
        watched,
        verifyProof,
        signal,
      });
      if (arrival) arrivals.push(arrival);
      else open.push(deployment);
    }
    return { arrivals, open };
  }
}

const shownDeployment = z.object({
  id: z.int(),
  created_at: z.iso.datetime({ offset: true }),
  payload: z.unknown(),
});

/**
 * The GitHub Deployments since then (ms) that hold a request; those that the App made hold a deployment's id. No list
 * when nothing has changed since GitHub gave the ETag. `at` is when GitHub began to tell them, by its clock.
 */
async function leftDeployments(
  octokit: Octokit,
  repository: string,
  { since, etag, items }: { since: number; etag: string | null; items: ItemReader },
  signal: AbortSignal,
): Promise<{ listed: Pick<Listed, "etag" | "left"> | null; at: number | null }> {
  const left: ParkedRequest[] = [];
  let at: number | null = null;
  for (let page = 1; ; page++) {
    const { answer, at: answeredAt } = await ifChanged(() =>
      octokit.request("GET /repos/{owner}/{repo}/deployments", {
        ...ownerAndName(repository),
        task: GITHUB_TASK,
        per_page: PER_PAGE,
        page,
        headers: page === 1 && etag !== null ? { "if-none-match": etag } : {},
        request: callLimit(signal),
      }),
    );
    at ??= answeredAt;
    if (!answer) return { listed: null, at };
    const { data, headers } = answer;
    const shown = items.readEach(data, `a GitHub Deployment of ${repository}`, (one) =>
      shownDeployment.parse(one),
    );
    for (const { id, payload, created_at } of shown) {
      const createdAt = Date.parse(created_at);
      const request = parkedRequest(payload);
      if (request && createdAt >= since)
        left.push({
          id: String(id),
          guid: parkedGuid(String(id)),
          repository,
          request,
          proof: proofIn(payload),
          createdAt,
        });
    }
    if (data.length < PER_PAGE || Date.parse(shown.at(-1)?.created_at ?? "") < since)
      return { listed: { left, etag: page === 1 ? (headers.etag ?? null) : null }, at };
  }
}
