import { GITHUB_TASK } from "../../shared/deployment-request.ts";
import { describable, writeStatus } from "../../shared/github-status.ts";
import type { Announcement } from "../queue/announce.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "./repository-access.ts";

/** The data of a deployment that GitHub shows. */
export type Shown = Pick<
  DeploymentRecord,
  "id" | "repository" | "target" | "environment" | "sha" | "ref" | "run_id" | "run_attempt"
> & { environmentUrl: string | null; logUrl: string };

/** Shows deployments as GitHub Deployments with statuses. */
export class GitHubDeployments {
  #access: RepositoryAccess;

  constructor(access: RepositoryAccess) {
    this.#access = access;
  }

  /** The id of the GitHub Deployment that an earlier try made although its answer was lost; null if there is none. */
  async find(shown: Shown): Promise<string | null> {
    const octokit = await this.#access.octokit(shown.repository);
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/deployments", {
      ...ownerAndName(shown.repository),
      sha: shown.sha,
      task: GITHUB_TASK,
      environment: shown.environment,
      per_page: 100,
      request: callLimit(),
    });
    const made = data.find((one) => twinhookPayload(one?.payload)?.id === shown.id);
    return made ? String(made.id) : null;
  }

  /** Creates the GitHub Deployment that shows this deployment, and returns its id. */
  async create(shown: Shown): Promise<string> {
    const octokit = await this.#access.octokit(shown.repository);
    const { data } = await octokit.request("POST /repos/{owner}/{repo}/deployments", {
      ...ownerAndName(shown.repository),
      ref: shown.sha,
      task: GITHUB_TASK,
      environment: shown.environment,
      description: describable(`Twinhook deploys ${shown.target}`),
      // By default GitHub merges branches, and requires checks; these may wait for this very deployment.
      auto_merge: false,
      required_contexts: [],
      payload: {
        twinhook: {
          id: shown.id,
          target: shown.target,
          run_id: shown.run_id,
          run_attempt: shown.run_attempt,
        },
      },
      request: callLimit(),
    });
    if (!("id" in data))
      throw new Error(`GitHub made no deployment of ${shown.sha}: ${data.message ?? "no reason given"}`);
    return String(data.id);
  }

  /** Adds a status to the GitHub Deployment. */
  async addStatus(shown: Shown, githubDeploymentId: string, announcement: Announcement): Promise<void> {
    const octokit = await this.#access.octokit(shown.repository);
    await octokit.request("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", {
      ...ownerAndName(shown.repository),
      deployment_id: Number(githubDeploymentId),
      ...writeStatus(announcement.status, announcement.detail),
      log_url: shown.logUrl,
      ...(shown.environmentUrl ? { environment_url: shown.environmentUrl } : {}),
      request: callLimit(),
    });
  }
}

/** Twinhook's part of a GitHub Deployment's payload: the deployment that it shows, or a parked request. */
export function twinhookPayload(payload: unknown): Record<string, unknown> | undefined {
  const ours = asObject(payload)?.twinhook;
  return typeof ours === "object" && ours !== null ? (ours as Record<string, unknown>) : undefined;
}

/** The request that an Action parked in a GitHub Deployment's payload. Payloads of the App hold a deployment's id. */
export function parkedRequest(payload: unknown): Record<string, unknown> | undefined {
  const ours = twinhookPayload(payload);
  return ours && !("id" in ours) ? ours : undefined;
}

/** The proof of who parked a request, from beside it in the payload. */
export function proofIn(payload: unknown): unknown {
  return asObject(payload)?.proof;
}

/** GitHub returns a payload as an object or, to some clients, as text. */
function asObject(payload: unknown): Record<string, unknown> | null {
  try {
    const value = typeof payload === "string" ? JSON.parse(payload) : payload;
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
