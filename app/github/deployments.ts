import type { Probot } from "probot";
import type { Announcement } from "../queue/announce.ts";
import type { DeploymentRecord } from "../queue/claim.ts";
import { githubStatus } from "./description.ts";

/** Marks the GitHub Deployments that are Twinhook's. */
const TASK = "twinhook";
/** A call that takes longer is given up, and made again later. */
const CALL_LIMIT_MS = 10_000;

/** What the outbox needs to know of a deployment to show it. */
export type Shown = Pick<
  DeploymentRecord,
  "id" | "repository" | "target" | "environment" | "sha" | "ref" | "run_id" | "run_attempt"
> & { environmentUrl: string | null; logUrl: string };

type Octokit = Awaited<ReturnType<Probot["auth"]>>;

/** Shows deployments as GitHub Deployments with statuses. */
export class GitHubDeployments {
  #newApp: () => Promise<Probot>;
  #app: Promise<Probot>;
  #installations = new Map<string, number>();

  /** `newApp` makes the App with nothing cached. */
  constructor(newApp: () => Promise<Probot>) {
    this.#newApp = newApp;
    this.#app = newApp();
  }

  /** A client with the rights that the App has on the repository. */
  async #octokit({ repository }: Shown): Promise<Octokit> {
    const app = await this.#app;
    let id = this.#installations.get(repository);
    if (id === undefined) {
      const octokit = await app.auth();
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/installation", {
        ...ownerAndName(repository),
        request: limit(),
      });
      id = data.id;
      this.#installations.set(repository, id);
    }
    return app.auth(id);
  }

  /**
   * Forgets installations and their tokens: after a refusal the App may have been installed anew, or have been
   * given rights that a token made before does not carry.
   */
  forgetAccess(): void {
    this.#installations.clear();
    this.#app = this.#newApp();
  }

  /**
   * Makes the GitHub Deployment that shows this one, and returns its id. `search` looks first whether an
   * earlier try made it without hearing the answer.
   */
  async create(shown: Shown, search: boolean): Promise<string> {
    const octokit = await this.#octokit(shown);
    const place = ownerAndName(shown.repository);
    if (search) {
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/deployments", {
        ...place,
        sha: shown.sha,
        task: TASK,
        environment: shown.environment,
        per_page: 100,
        request: limit(),
      });
      const made = data.find(({ payload }) => idInPayload(payload) === shown.id);
      if (made) return String(made.id);
    }
    const { data } = await octokit.request("POST /repos/{owner}/{repo}/deployments", {
      ...place,
      ref: shown.sha,
      task: TASK,
      environment: shown.environment,
      description: `Twinhook deploys ${shown.target}`,
      // The defaults would merge branches, and wait for checks that wait for this deployment.
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
      request: limit(),
    });
    if (!("id" in data))
      throw new Error(`GitHub made no deployment of ${shown.sha}: ${data.message ?? "no reason given"}`);
    return String(data.id);
  }

  /** Adds a status to the GitHub Deployment. */
  async addStatus(shown: Shown, githubDeploymentId: string, announcement: Announcement): Promise<void> {
    const octokit = await this.#octokit(shown);
    await octokit.request("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", {
      ...ownerAndName(shown.repository),
      deployment_id: Number(githubDeploymentId),
      ...githubStatus(announcement),
      log_url: shown.logUrl,
      ...(shown.environmentUrl ? { environment_url: shown.environmentUrl } : {}),
      request: limit(),
    });
  }
}

function ownerAndName(repository: string): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

function limit(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(CALL_LIMIT_MS) };
}

/** GitHub hands the payload back as an object or, to some clients, as text. */
function idInPayload(payload: unknown): string | undefined {
  try {
    const value = typeof payload === "string" ? JSON.parse(payload) : payload;
    return (value as { twinhook?: { id?: string } } | null)?.twinhook?.id;
  } catch {
    return undefined;
  }
}
