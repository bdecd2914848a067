import { setTimeout as sleep } from "node:timers/promises";
import type { Octokit as OctokitClass } from "@octokit/rest";
import {
  type DeploymentRequestPayload,
  GITHUB_TASK,
  type RequestProof,
} from "../shared/deployment-request.ts";
import { identifier, type KnownDeployment, webUrl } from "./answer.ts";
import type { Client } from "./client.ts";
import { NoToken } from "./credential.ts";
import type { Endpoint } from "./endpoints.ts";
import { type GitHubDeployment, readDeployment, readPayload } from "./github-answers.ts";
import { githubRefusal } from "./github-refusal.ts";
import { readStatuses } from "./github-statuses.ts";
import type { Judgement, Refusal } from "./judge.ts";
import { octokitFetch } from "./octokit-fetch.ts";
import type { ActionRequest } from "./request.ts";

/** GitHub's API is slower than an endpoint, and no other route is left when it is asked. */
const LEAST_LIMIT_MS = 10_000;
/** Pauses between two looks at the statuses: a job's token has 1,000 requests an hour for its repository. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;

export interface GitHubClientOptions {
  request: ActionRequest;
  apiUrl: string;
  /** The page that shows the repository's deployments. */
  pageUrl: string;
  token: string;
  /** Proves to the App that this job left the request, as it would to an endpoint. */
  proveLeft: (body: string) => Promise<RequestProof["headers"]>;
  withToken: boolean;
  requestTimeoutMs: number;
  signal: AbortSignal;
  /** Takes secrets out of what comes back. */
  redact: (text: string) => string;
  now: () => number;
}

/** GitHub's own API as a route. */
export function githubEndpoint(apiUrl: string): Endpoint {
  return { name: "github", route: "github", url: apiUrl, label: `GitHub (${new URL(apiUrl).origin})` };
}

/**
 * The route by GitHub itself: the request is left as a GitHub Deployment, which the App looks for every minute and
 * when it starts, and whose statuses tell what became of it.
 */
export class GitHubClient implements Client {
  readonly #o: GitHubClientOptions;
  #octokit: Promise<OctokitClass> | undefined;
  /** The GitHub Deployment that shows ours. */
  #shownBy: GitHubDeployment | undefined;
  /** The one in which this step, or an earlier try of it, left the request. */
  #left: GitHubDeployment | undefined;
  /** The state that the last look brought. */
  #told: string | undefined;

  constructor(options: GitHubClientOptions) {
    this.#o = options;
  }

  /** Leaves the request at GitHub, unless it lies there already: the answer to an earlier try may have been lost. */
  request(): Promise<Judgement> {
    return this.#judged(async () => {
      const { request } = this.#o;
      const mine = (await this.#deployments()).find(({ payload }) => isOurRequest(payload, request));
      this.#left = mine ?? (await this.#create());
      this.#shownBy = this.#left;
      return { kind: "deployment", status: mine ? 200 : 201, deployment: this.#known({}) };
    });
  }

  /** Reads the statuses until they tell something new, or `waitSeconds` are over. */
  read(_: Endpoint, { id, waitSeconds }: { id: string; waitSeconds: number }): Promise<Judgement> {
    const { now, signal } = this.#o;
    return this.#judged(async () => {
      const until = now() + waitSeconds * 1_000;
      let pauseMs = FIRST_PAUSE_MS;
      for (;;) {
        const judgement = await this.#look(id);
        if (judgement.kind !== "deployment") return judgement;
        const { status, onRecord } = judgement.deployment;
        const told = onRecord ? status : "not found";
        const news = this.#told !== told;
        this.#told = told;
        if (news || now() + pauseMs > until) return judgement;
        await sleep(pauseMs, undefined, { signal });
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
      }
    });
  }

  /**
   * Finds out whether the request could be left, without leaving it: GitHub checks the permission before it looks
   * for the commit, and there is none of only zeros.
   */
  check(): Promise<Refusal | null> {
    return this.#attempt(async () => {
      const { octokit, place } = await this.#api();
      try {
        await octokit.rest.repos.createDeployment({
          ...place,
          ref: "0".repeat(40),
          environment: this.#o.request.environment,
          task: GITHUB_TASK,
          auto_merge: false,
          required_contexts: [],
        });
      } catch (error) {
        if ((error as { status?: number }).status === 422) return null;
        throw error;
      }
      return null;
    });
  }

  async #look(id: string): Promise<Judgement> {
    this.#shownBy ??= (await this.#deployments()).find(({ payload }) => payload.id === id);
    if (!this.#shownBy) return notShownYet();
    for (let hops = 0; ; hops += 1) {
      const shownBy: GitHubDeployment = this.#shownBy;
      const read = readStatuses(await this.#statuses(shownBy.id), {
        // A retry's old end is not its new one; GitHub's clock tells which is which.
        since: (this.#o.request.via.run_attempt > 1 && this.#left?.createdAt) || 0,
      });
      if (read.kind === "refused")
        return {
          ...refusal("permanent", `the App does not take the request that was left there`),
          remedy: "Correct what the App says about it.",
          detail: this.#o.redact(read.reason),
        };
      if (read.kind === "elsewhere" && hops < 3) {
        this.#shownBy = await this.#deployment(read.githubId);
        if (this.#shownBy) continue;
        this.#shownBy = shownBy;
        return notShownYet();
      }
      return {
        kind: "deployment",
        status: 200,
        deployment: this.#known(read.kind === "status" ? { ...read, fallbackId: id } : { fallbackId: id }),
      };
    }
  }

  async #create(): Promise<GitHubDeployment> {
    const { request, proveLeft } = this.#o;
    const { octokit, place } = await this.#api();
    const body = JSON.stringify(request);
    const payload: DeploymentRequestPayload = {
      twinhook: request,
      proof: { body, headers: await proveLeft(body) },
    };
    const { data } = await octokit.rest.repos.createDeployment({
      ...place,
      ref: request.sha,
      task: GITHUB_TASK,
      environment: request.environment,
      description: "Left for Twinhook, because no endpoint answered",
      // The defaults would merge branches, and wait for checks that wait for this deployment.
      auto_merge: false,
      required_contexts: [],
      payload: payload as unknown as Record<string, unknown>,
    });
    const made = readDeployment(data);
    if (!made || made.sha !== request.sha)
      throw new UnusableAnswer("what GitHub answered is no deployment of our commit");
    return made;
  }

  /** Those of our commit and environment, the newest first. */
  async #deployments(): Promise<GitHubDeployment[]> {
    const { sha, environment } = this.#o.request;
    const { octokit, place } = await this.#api();
    const { data } = await octokit.rest.repos.listDeployments({
      ...place,
      sha,
      environment,
      task: GITHUB_TASK,
      per_page: 100,
    });
    if (!Array.isArray(data)) throw new UnusableAnswer("what GitHub answered is no list of deployments");
    return data
      .map(readDeployment)
      .filter((found) => found !== null && found.sha === sha) as GitHubDeployment[];
  }

  async #deployment(id: string): Promise<GitHubDeployment | undefined> {
    const { request } = this.#o;
    const { octokit, place } = await this.#api();
    const { data } = await octokit.rest.repos.getDeployment({ ...place, deployment_id: Number(id) });
    const found = readDeployment(data);
    const { run_id, run_attempt } = found?.payload ?? {};
    const same =
      run_id === request.run_id && run_attempt === request.run_attempt && found?.sha === request.sha;
    return found && same ? found : undefined;
  }

  async #statuses(id: string): Promise<unknown[]> {
    const { octokit, place } = await this.#api();
    const { data } = await octokit.rest.repos.listDeploymentStatuses({
      ...place,
      deployment_id: Number(id),
      per_page: 100,
    });
    if (!Array.isArray(data)) throw new UnusableAnswer("what GitHub answered is no list of statuses");
    return data;
  }

  #known({
    status,
    detail,
    logUrl,
    fallbackId = "",
  }: {
    status?: KnownDeployment["status"];
    detail?: string | null;
    logUrl?: string | null;
    fallbackId?: string;
  }): KnownDeployment {
    const { request, pageUrl, redact } = this.#o;
    const { repository, environment, sha, run_id, run_attempt, target = "" } = request;
    const url = webUrl(logUrl);
    return {
      ...{ repository, environment, sha, run_id, run_attempt, target },
      id: identifier(url && /\/deployments\/([^/?#]+)$/.exec(url)?.[1]) ?? fallbackId,
      status: status ?? "queued",
      onRecord: status !== undefined,
      reason: detail ? redact(detail) : null,
      url: url ?? pageUrl,
      superseded_by: null,
      accepted_by: "",
      run_by: null,
      exit_code: null,
      log_tail: null,
      duplicate: false,
    };
  }

  async #judged(call: () => Promise<Judgement>): Promise<Judgement> {
    let found: Judgement | undefined;
    const refused = await this.#attempt(async () => {
      found = await call();
      return null;
    });
    if (refused) return refused;
    if (!found) throw new Error("neither an answer nor a refusal");
    return found;
  }

  async #attempt(call: () => Promise<null>): Promise<Refusal | null> {
    const { now, withToken, redact, signal } = this.#o;
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UnusableAnswer)
        return { ...refusal("transient", error.message), mayHaveArrived: true };
      if (error instanceof NoToken)
        return { ...refusal("transient", "GitHub gave no OIDC token"), detail: redact(error.message) };
      const refused = githubRefusal(error, { now: now(), withToken });
      return { ...refused, detail: refused.detail && redact(refused.detail) };
    }
  }

  async #api() {
    const { apiUrl, token, signal, requestTimeoutMs, request } = this.#o;
    const [owner = "", repo = ""] = request.repository.split("/");
    // Loaded only when it is needed: most steps never come here.
    this.#octokit ??= import("@octokit/rest").then(
      ({ Octokit }) =>
        new Octokit({
          auth: token,
          baseUrl: apiUrl,
          userAgent: "twinhook-action",
          log: { debug() {}, info() {}, warn() {}, error() {} },
          request: { fetch: octokitFetch({ limitMs: Math.max(LEAST_LIMIT_MS, requestTimeoutMs), signal }) },
        }),
    );
    return { octokit: await this.#octokit, place: { owner, repo } };
  }
}

class UnusableAnswer extends Error {
  override readonly name = "UnusableAnswer";
}

/** Whether an Action's request in a payload is this one: the same key, asked for by the same attempt. */
function isOurRequest(payload: Record<string, unknown>, request: ActionRequest): boolean {
  const via = readPayload(payload.via);
  return (
    payload.id === undefined &&
    payload.run_id === request.run_id &&
    payload.run_attempt === request.run_attempt &&
    payload.target === request.target &&
    via.run_id === request.via.run_id &&
    via.run_attempt === request.via.run_attempt
  );
}

function notShownYet(): Judgement {
  return refusal("transient", "GitHub does not show the deployment yet");
}

function refusal(kind: Refusal["kind"], cause: string): Refusal {
  return {
    kind,
    status: null,
    cause,
    remedy: "Check that an instance reaches GitHub's API.",
    detail: null,
    retryAfterMs: null,
    mayHaveArrived: false,
  };
}
