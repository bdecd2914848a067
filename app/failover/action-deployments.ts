import type { Logger } from "pino";
import { GITHUB_TASK } from "../../shared/deployment-request.ts";
import type { Arrival } from "../accept/arrival.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { proofIn, twinhookPayload } from "../github/deployments.ts";
import { timeOf } from "../github/github-time.ts";
import { callLimit, type Octokit, ownerAndName, type RepositoryAccess } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import { answerLeftDeployments, leftOnRecord } from "./answer-left-deployments.ts";
import type { ControllerLease } from "./controller-lease.ts";
import { type JudgeProof, judgeLeftDeployment, type LeftDeployment, leftGuid } from "./left-deployment.ts";
import { type Collected, type Look, lastLook, recordLook, watchedSince } from "./look.ts";
import { lookAtEach } from "./look-at-each.ts";

/** The name under which the last complete look is on record. */
const LOOK_NAME = "action_deployments";
/** How far before the last complete look a new one reaches: the run that a request names may not have ended then. */
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
  access: RepositoryAccess;
  lease: ControllerLease;
  judgeProof: JudgeProof;
}

/** Finds the requests that Actions left as GitHub Deployments, because no endpoint could be reached. */
export class ActionDeployments implements Look {
  readonly name = "the look for GitHub Deployments that an Action left";
  readonly everyMs = 60_000;
  #o: ActionDeploymentsOptions;
  #repositories: string[];
  #refused = new Set<string>();
  /** The GUIDs of those of which this process knows that nothing is left to say on them. */
  #answered = new Set<string>();
  /** Those on which something may be left to say, although they may be too old to be listed again. */
  #open: LeftDeployment[] = [];

  constructor(options: ActionDeploymentsOptions) {
    this.#o = options;
    const byKey = new Map(options.targets.map((t) => [repositoryKey(t.repository), t.repository]));
    this.#repositories = [...byKey.values()];
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    const { store, clock, targets, lease, log } = this.#o;
    /** When the look began, by GitHub's clock, once it has told it. */
    let begun = clock.now();
    let told = Number.POSITIVE_INFINITY;
    const last = await lastLook(store, LOOK_NAME);
    const since = (last?.completed_at ?? begun - LOOK_BACK_MS) - OVERLAP_MS;
    const watched = await watchedSince(store, targets);
    const left: LeftDeployment[] = [];
    const { found, failure } = await lookAtEach(
      this.#repositories,
      async (repository) => {
        const octokit = await this.#o.access.octokit(repository);
        const { left: leftHere, at } = await leftDeployments(octokit, repository, since, signal);
        told = Math.min(told, at ?? told);
        left.push(...leftHere);
        return this.#judgeNew(octokit, leftHere, watched, signal);
      },
      (repository, problem) => {
        // Once is enough for something that is looked at every minute.
        if (!this.#refused.has(repository))
          log.warn(`the GitHub Deployments of ${repository} are not looked at: ${problem}`);
        this.#refused.add(repository);
      },
      "Deployments: write",
    );
    if (told < Number.POSITIVE_INFINITY) begun = told;
    return {
      arrivals: found,
      failure,
      done: async (results) => {
        if (failure === undefined) await recordLook(lease, LOOK_NAME, begun, results);
        const listed = new Set(left.map(({ guid }) => guid));
        for (const guid of this.#answered) if (!listed.has(guid)) this.#answered.delete(guid);
        const older = this.#open.filter(
          ({ guid, createdAt }) => !listed.has(guid) && createdAt > begun - SAY_FOR_MS,
        );
        const all = [...older, ...left];
        try {
          await answerLeftDeployments(all, this.#answered, this.#o, signal);
        } finally {
          this.#open = all.filter(({ guid }) => !this.#answered.has(guid));
        }
      },
    };
  }

  /** What arrives by those that no look has accepted or refused yet. */
  async #judgeNew(
    octokit: Octokit,
    left: readonly LeftDeployment[],
    watched: ReadonlyMap<TargetConfig, number>,
    signal: AbortSignal,
  ): Promise<Arrival[]> {
    const { store, targets, judgeProof } = this.#o;
    const known = new Set((await leftOnRecord(store, left)).map(({ guid }) => guid));
    const found: Arrival[] = [];
    for (const deployment of left) {
      if (known.has(deployment.guid)) continue;
      const arrival = await judgeLeftDeployment(octokit, deployment, {
        targets,
        watched,
        judgeProof,
        signal,
      });
      if (arrival) found.push(arrival);
    }
    return found;
  }
}

/**
 * The GitHub Deployments since then (ms) that hold a request, and when GitHub began to tell them, by its clock. Those
 * that the App made hold a deployment's id.
 */
async function leftDeployments(
  octokit: Octokit,
  repository: string,
  since: number,
  signal: AbortSignal,
): Promise<{ left: LeftDeployment[]; at: number | null }> {
  const left: LeftDeployment[] = [];
  let at: number | null = null;
  for (let page = 1; ; page++) {
    const { data, headers } = await octokit.request("GET /repos/{owner}/{repo}/deployments", {
      ...ownerAndName(repository),
      task: GITHUB_TASK,
      per_page: PER_PAGE,
      page,
      request: callLimit(signal),
    });
    at ??= timeOf(headers);
    for (const { id, payload, created_at } of data) {
      const request = twinhookPayload(payload);
      const createdAt = Date.parse(created_at);
      if (request && !("id" in request) && createdAt >= since)
        left.push({
          id: String(id),
          guid: leftGuid(String(id)),
          repository,
          request,
          proof: proofIn(payload),
          createdAt,
        });
    }
    if (data.length < PER_PAGE || Date.parse(data.at(-1)?.created_at ?? "") < since) return { left, at };
  }
}
