import { setTimeout as sleep } from "node:timers/promises";
import type { RequestProof } from "../../shared/deployment-request.ts";
import { isSaidByGitHub } from "../../shared/github-failure.ts";
import { canonicalJson } from "../../shared/json-text.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { Client } from "./client.ts";
import { type GitHubDeployment, readPayload } from "./github-answers.ts";
import { GitHubApi, type GitHubApiOptions } from "./github-api.ts";
import { githubRefusal, refusedByApp, unusable } from "./github-refusal.ts";
import { readStatuses, shownByStatus } from "./github-statuses.ts";
import type { Judgement, Refusal } from "./judge.ts";
import type { ActionRequest } from "./request.ts";

/**
 * The pause between two reads of the statuses: a job's token allows 1,000 requests an hour for its
 * repository.
 */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;
/** How often a GitHub Deployment may lead on to another one that shows the deployment. */
const MOST_HOPS = 3;

export interface GitHubClientOptions extends GitHubApiOptions {
  request: ActionRequest;
  /** The page of the repository's deployments. */
  pageUrl: string;
  /**
   * Proves to the App that this job parked the request with this text. The proof is the same as for an
   * endpoint.
   */
  proveLeft: (text: string) => Promise<RequestProof>;
  /** Whether the job requests OIDC tokens. */
  withToken: boolean;
  /** Replaces secrets in answers. */
  redact: (text: string) => string;
  now: () => number;
}

/** GitHub's own API as a route. */
export function githubEndpoint(apiUrl: string): Endpoint {
  return { name: "github", route: "github", url: apiUrl, label: `GitHub (${new URL(apiUrl).origin})` };
}

/**
 * The route through GitHub: parks the request in a GitHub Deployment. The App scans for parked requests every
 * minute and at its start. The statuses of the GitHub Deployment report the outcome.
 */
export class GitHubClient implements Client {
  readonly #o: GitHubClientOptions;
  readonly #api: GitHubApi;
  /** The GitHub Deployment in which this step, or an earlier attempt of it, parked the request. */
  #left: GitHubDeployment | undefined;
  readonly #beganAt: number;
  /** When this step began, in whole seconds like GitHub's times; by GitHub's clock once that is known. */
  #since: number;
  /** The GitHub Deployment that shows this step's deployment: usually the same one. */
  #shownBy: GitHubDeployment | undefined;
  /** The state from the last read. */
  #told: string | undefined;

  constructor(options: GitHubClientOptions) {
    this.#o = options;
    this.#api = new GitHubApi(options);
    this.#beganAt = options.now();
    this.#since = Math.floor(this.#beganAt / 1_000) * 1_000;
  }

  /** Parks the request, unless it is parked already: the answer to an earlier attempt may have been lost. */
  request(): Promise<Judgement> {
    return this.#attempt(async () => {
      const { request, proveLeft } = this.#o;
      const mine = (await this.#api.list()).find(({ payload }) => isOurRequest(payload, request));
      this.#left =
        mine ??
        (await this.#api.create({ twinhook: request, proof: await proveLeft(canonicalJson(request)) }));
      this.#since = this.#left.createdAt - (this.#o.now() - this.#beganAt);
      this.#shownBy = this.#left;
      return { kind: "deployment", status: mine ? 200 : 201, deployment: shownByStatus(null, "", this.#o) };
    });
  }

  /** Reads the statuses until they report something new, or `waitSeconds` have passed. */
  read(_: Endpoint, { id, waitSeconds }: { id: string; waitSeconds: number }): Promise<Judgement> {
    const { now, signal } = this.#o;
    return this.#attempt(async () => {
      const until = now() + waitSeconds * 1_000;
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
        const judgement = await this.#look(id);
        const over = now() + pauseMs > until;
        if (judgement === null && over) return unusable("GitHub does not show the deployment yet");
        if (judgement !== null) {
          if (judgement.kind !== "deployment") return judgement;
          const { status, onRecord } = judgement.deployment;
          const told = onRecord ? status : "not found";
          const news = this.#told !== told;
          this.#told = told;
          if (news || over) return judgement;
        }
        await sleep(pauseMs, undefined, { signal });
      }
    });
  }

  /**
   * Checks whether the request could be parked, without parking it. GitHub checks the permission before it
   * looks for the commit, and the commit of only zeros does not exist. Returns null when parking would work.
   */
  async check(): Promise<Refusal | null> {
    const result = await this.#attempt(async () => {
      await this.#api.create(null, "0".repeat(40)).catch((error: { status?: number }) => {
        if (error.status !== 422 || !isSaidByGitHub(error)) throw error;
      });
      return null;
    });
    return result;
  }

  /** The current state by the statuses; null while GitHub does not show the deployment. */
  async #look(id: string): Promise<Judgement | null> {
    const { request, redact } = this.#o;
    this.#shownBy ??= (await this.#api.list()).find(({ payload }) => payload.id === id);
    for (let hops = 0; this.#shownBy && hops < MOST_HOPS; hops += 1) {
      const read = readStatuses(await this.#api.statuses(this.#shownBy.id), {
        // The result of an earlier attempt does not count for this one.
        since: request.via.run_attempt > 1 ? this.#since : 0,
      });
      if (read.kind === "refused") return refusedByApp(redact(read.reason));
      if (read.kind !== "elsewhere") {
        const told = read.kind === "status" ? read : null;
        return { kind: "deployment", status: 200, deployment: shownByStatus(told, id, this.#o) };
      }
      const other: GitHubDeployment | undefined = await this.#api.get(read.githubId);
      if (!other || !isSameRun(other.payload, request)) break;
      this.#shownBy = other;
    }
    return null;
  }

  async #attempt<T extends Judgement | null>(call: () => Promise<T>): Promise<T | Refusal> {
    const { now, withToken, redact, signal } = this.#o;
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      const refused = githubRefusal(error, { now: now(), withToken });
      return { ...refused, detail: refused.detail && redact(refused.detail) };
    }
  }
}

/** Whether a payload holds this very request: the same key and payload, from the same attempt. */
function isOurRequest(payload: Record<string, unknown>, request: ActionRequest): boolean {
  const via = readPayload(payload.via);
  return (
    payload.id === undefined &&
    payload.target === request.target &&
    payload.ref === request.ref &&
    payload.payload_text === request.payload_text &&
    isSameRun(payload, request) &&
    isSameRun(via, request.via)
  );
}

function isSameRun(
  found: Record<string, unknown>,
  { run_id, run_attempt }: { run_id: number; run_attempt: number },
): boolean {
  return found.run_id === run_id && found.run_attempt === run_attempt;
}
