import { z } from "zod";
import { GITHUB_TASK } from "../../../shared/deployment-request.ts";
import type { Arrival } from "../../accept/arrival.ts";
import { NO_NAMES, type RepositoryNames } from "../../accept/repository-names.ts";
import type { VerifyProof } from "../../auth/parked-proof.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { parkedRequest, proofIn } from "../../github/deployments.ts";
import { ifChanged } from "../../github/github-error.ts";
import { ItemReader } from "../../github/item-reader.ts";
import { callLimit, type Octokit, ownerAndName } from "../../github/repository-access.ts";
import { askForScan } from "../../queue/ask-for-scan.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { Store } from "../../store/store.ts";
import { PlaceScan, type PlaceScanParts } from "../../upkeep/place-scan.ts";
import { type Collected, recordScan, type Scan, watchedSince } from "../scan.ts";
import { scanEach } from "../scan-each.ts";
import { answerParkedRequests, leftOnRecord } from "./answer.ts";
import { judgeParkedRequest, type ParkedRequest, parkedGuid } from "./parked-request.ts";

/** The name of this scan's record and progress in the store. */
export const PARKED_SCAN = "action_deployments";
/** The part of an account's hourly calls that this scan may spend: 600 of 5,000. */
const SHARE = 0.12;
/** How far before the last scan of a repository a new one reaches: GitHub's clock and this host's may differ. */
const OVERLAP_MS = 60 * 60_000;
/** How far back the first scan reaches. */
const LOOK_BACK_MS = 72 * 60 * 60_000;
/** Give up posting a status after 24 hours. */
const GIVE_UP_MS = 24 * 60 * 60_000;
const PER_PAGE = 100;

export interface ParkedRequestsOptions extends PlaceScanParts {
  verifyProof: VerifyProof;
}

/** Asks the controller to scan a repository at once, if it has a target. Resolves when that is on record. */
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

/** A repository's parked requests, as GitHub last listed them. */
interface Listed {
  /** The ETag for the next call; null if the list is longer than a page. */
  etag: string | null;
  /** How far back the list was read (ms). */
  since: number;
  parked: ParkedRequest[];
}

/**
 * Finds parked requests: an Action that reaches no endpoint leaves its request in a GitHub Deployment. GitHub's
 * `deployment` event announces it at once. All repositories are scanned in turn as well, since GitHub may never have
 * sent that event.
 */
export class ParkedRequests implements Scan {
  readonly name = "the scan for parked requests";
  readonly everyMs = 60_000;
  #o: ParkedRequestsOptions;
  #scan: PlaceScan<{ repository: string }>;
  #items: ItemReader;
  #lists = new Map<string, Listed>();
  #refused = new Set<string>();
  /** The GUIDs of requests that need no further status, as far as this process knows. */
  #answered = new Set<string>();
  /** Requests that may need a status. They may be too old to be listed again. */
  #open: ParkedRequest[] = [];

  constructor(options: ParkedRequestsOptions) {
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

  /** Whether a repository may wait longer than a minute for its turn. */
  get takesTurns(): boolean {
    return this.#scan.longestInterval > this.everyMs;
  }

  /** Makes all repositories due. */
  askAll(): void {
    this.#scan.askAll();
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    const { store, clock, targets, lease, log } = this.#o;
    const begun = clock.now();
    /** When GitHub gave the first list (ms, GitHub's clock). */
    let told = Number.POSITIVE_INFINITY;
    const due = await this.#scan.next();
    const seen = new Map<{ repository: string }, number | null>();
    const watched = await watchedSince(store, targets);
    const parked: ParkedRequest[] = [];
    const { found, failure } = await scanEach(
      due,
      async ({ place, seenAt }) => {
        const { repository } = place;
        const octokit = await this.#o.access.octokit(repository);
        const since = (seenAt ?? begun - LOOK_BACK_MS) - OVERLAP_MS;
        const { parked: parkedHere, at } = await this.#list(octokit, repository, since, signal);
        told = Math.min(told, at ?? told);
        parked.push(...parkedHere);
        const { arrivals, open } = await this.#judgeNew(octokit, parkedHere, watched, signal);
        // A repository with a request whose run has not ended is scanned again next time, not in its turn.
        if (open.every(({ createdAt }) => createdAt < (at ?? begun) - GIVE_UP_MS)) seen.set(place, at);
        return arrivals;
      },
      ({ place }, problem) => {
        const { repository } = place;
        seen.set(place, null);
        this.#o.access.forget(repository);
        // The scan runs every minute; one log line per repository is enough.
        if (!this.#refused.has(repository))
          log.warn(`cannot scan ${repository} for parked requests: ${problem}`);
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
        if (failure === undefined) await recordScan(lease, PARKED_SCAN, by, counts);
        const listed = new Set(parked.map(({ guid }) => guid));
        const known = new Set(
          [...this.#lists.values()].flatMap((list) => list.parked.map(({ guid }) => guid)),
        );
        for (const guid of this.#answered) if (!known.has(guid)) this.#answered.delete(guid);
        const older = this.#open.filter(
          ({ guid, createdAt }) => !listed.has(guid) && createdAt > by - GIVE_UP_MS,
        );
        const all = [...older, ...parked];
        try {
          await answerParkedRequests(all, this.#answered, this.#o, signal);
        } finally {
          this.#open = all.filter(({ guid }) => !this.#answered.has(guid));
        }
      },
    };
  }

  /** The requests parked in a repository since `since` (ms). `at` is when GitHub answered, by its clock (ms). */
  async #list(octokit: Octokit, repository: string, since: number, signal: AbortSignal) {
    const before = this.#lists.get(repository);
    const etag = before && before.since <= since ? before.etag : null;
    const { listed, at } = await listParked(octokit, repository, { since, etag, items: this.#items }, signal);
    const { parked } = listed ?? (before as Listed);
    const recent = parked.filter(({ createdAt }) => createdAt >= since);
    this.#lists.set(repository, { etag, since, ...listed, parked: recent });
    return { parked: recent, at };
  }

  /** Judges the requests that have no record yet: their arrivals, and those (`open`) whose run has not ended. */
  async #judgeNew(
    octokit: Octokit,
    parked: readonly ParkedRequest[],
    watched: ReadonlyMap<TargetConfig, number>,
    signal: AbortSignal,
  ): Promise<{ arrivals: Arrival[]; open: ParkedRequest[] }> {
    const { store, targets, names, verifyProof } = this.#o;
    const known = new Set((await leftOnRecord(store, parked)).map(({ guid }) => guid));
    const arrivals: Arrival[] = [];
    const open: ParkedRequest[] = [];
    for (const deployment of parked) {
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
 * The GitHub Deployments since `since` (ms) that hold a request. Those that the App made hold a deployment's id
 * instead. `listed` is null if nothing has changed since GitHub gave the ETag. `at` is when GitHub gave the first page,
 * by its clock (ms).
 */
async function listParked(
  octokit: Octokit,
  repository: string,
  { since, etag, items }: { since: number; etag: string | null; items: ItemReader },
  signal: AbortSignal,
): Promise<{ listed: Pick<Listed, "etag" | "parked"> | null; at: number | null }> {
  const parked: ParkedRequest[] = [];
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
        parked.push({
          id: String(id),
          guid: parkedGuid(String(id)),
          repository,
          request,
          proof: proofIn(payload),
          createdAt,
        });
    }
    if (data.length < PER_PAGE || Date.parse(shown.at(-1)?.created_at ?? "") < since)
      return { listed: { parked, etag: page === 1 ? (headers.etag ?? null) : null }, at };
  }
}
