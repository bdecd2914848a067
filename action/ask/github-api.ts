import type { Octokit as OctokitClass } from "@octokit/rest";
import {
  type DeploymentRequest,
  type DeploymentRequestPayload,
  GITHUB_TASK,
} from "../../shared/deployment-request.ts";
import { type GitHubDeployment, readDeployment } from "./github-answers.ts";
import { octokitFetch } from "./octokit-fetch.ts";

/** GitHub's API is slower than an endpoint, and it is the last route. */
const LEAST_LIMIT_MS = 10_000;

/** GitHub answered 2xx with an unexpected body. */
export class UnusableAnswer extends Error {
  override readonly name = "UnusableAnswer";
}

export interface GitHubApiOptions {
  apiUrl: string;
  token: string;
  request: Pick<DeploymentRequest, "repository" | "environment" | "sha">;
  requestTimeoutMs: number;
  signal: AbortSignal;
}

/**
 * Calls GitHub's API for Deployments and checks its answers. Errors are Octokit's, or {@link UnusableAnswer}.
 */
export class GitHubApi {
  readonly #o: GitHubApiOptions;
  #octokit: Promise<OctokitClass> | undefined;

  constructor(options: GitHubApiOptions) {
    this.#o = options;
  }

  /** Creates a GitHub Deployment of this step's commit, or of `ref`. */
  async create(
    payload: DeploymentRequestPayload | null,
    ref = this.#o.request.sha,
  ): Promise<GitHubDeployment> {
    const { octokit, place } = await this.#calls();
    const { data } = await octokit.rest.repos.createDeployment({
      ...place,
      ref,
      task: GITHUB_TASK,
      environment: this.#o.request.environment,
      description: "Left for Twinhook, because no endpoint answered",
      // The defaults would merge branches, and wait for checks that wait for this deployment.
      auto_merge: false,
      required_contexts: [],
      ...(payload && { payload: { ...payload } }),
    });
    const made = readDeployment(data);
    if (!made || made.sha !== this.#o.request.sha)
      throw new UnusableAnswer("what GitHub answered is no deployment of our commit");
    return made;
  }

  /** Twinhook's GitHub Deployments of this commit and environment, newest first. */
  async list(): Promise<GitHubDeployment[]> {
    const { sha, environment } = this.#o.request;
    const { octokit, place } = await this.#calls();
    const { data } = await octokit.rest.repos.listDeployments({
      ...place,
      ...{ sha, environment, task: GITHUB_TASK, per_page: 100 },
    });
    if (!Array.isArray(data)) throw new UnusableAnswer("what GitHub answered is no list of deployments");
    return data.map(readDeployment).filter((found) => found?.sha === sha) as GitHubDeployment[];
  }

  /** The GitHub Deployment with this id, or undefined when it belongs to another commit. */
  async get(id: string): Promise<GitHubDeployment | undefined> {
    const { octokit, place } = await this.#calls();
    const { data } = await octokit.rest.repos.getDeployment({ ...place, deployment_id: Number(id) });
    const found = readDeployment(data);
    return found?.sha === this.#o.request.sha ? found : undefined;
  }

  /** The statuses of a GitHub Deployment, newest first. */
  async statuses(id: string): Promise<unknown[]> {
    const { octokit, place } = await this.#calls();
    const { data } = await octokit.rest.repos.listDeploymentStatuses({
      ...place,
      deployment_id: Number(id),
      per_page: 100,
    });
    if (!Array.isArray(data)) throw new UnusableAnswer("what GitHub answered is no list of statuses");
    return data;
  }

  async #calls() {
    const { apiUrl, token, signal, requestTimeoutMs, request } = this.#o;
    const [owner = "", repo = ""] = request.repository.split("/");
    // Loaded only when needed: most steps never use it.
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
