import { callLimit, ownerAndName, type RepositoryAccess } from "./repository-access.ts";

/** The events of an endpoint's webhook: the same as the App's own. */
const EVENTS = ["create", "delete", "deployment", "workflow_run"];

/** A webhook of a repository, as GitHub shows it. */
export interface RepositoryHook {
  id: number;
  url: string | null;
  /** Whether it is as `create` made it. GitHub shows only that there is a secret, not which. */
  intact: boolean;
}

/** Reads and writes the webhooks of repositories. Needs the permission `repository_hooks: write`. */
export class RepositoryHooksClient {
  #access: RepositoryAccess;
  #secret: () => string;

  /** `secret` returns the secret that GitHub is to sign with. */
  constructor(access: RepositoryAccess, secret: () => string) {
    this.#access = access;
    this.#secret = secret;
  }

  /** All webhooks of a repository, whoever made them. They fit on one page: GitHub allows 20 per event. */
  async list(repository: string, signal: AbortSignal): Promise<RepositoryHook[]> {
    const octokit = await this.#access.octokit(repository);
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/hooks", {
      ...ownerAndName(repository),
      per_page: 100,
      request: callLimit(signal),
    });
    // An unreadable webhook is not one that we made and nobody changed.
    return data.flatMap((hook): RepositoryHook[] => {
      if (typeof hook?.id !== "number") return [];
      const { id, active, events, config } = hook;
      const intact =
        active &&
        events?.toSorted().join() === EVENTS.join() &&
        config?.content_type === "json" &&
        String(config.insecure_ssl ?? "0") === "0" &&
        config.secret !== undefined;
      return [{ id, url: config?.url ?? null, intact }];
    });
  }

  /** Creates a webhook that delivers to `url`, and returns its id. */
  async create(repository: string, url: string, signal: AbortSignal): Promise<number> {
    const octokit = await this.#access.octokit(repository);
    const { data } = await octokit.request("POST /repos/{owner}/{repo}/hooks", {
      ...ownerAndName(repository),
      ...this.#content(url),
      request: callLimit(signal),
    });
    return data.id;
  }

  /** Sets an existing webhook to what `create` would have made. */
  async update(repository: string, id: number, url: string, signal: AbortSignal): Promise<void> {
    const octokit = await this.#access.octokit(repository);
    await octokit.request("PATCH /repos/{owner}/{repo}/hooks/{hook_id}", {
      ...ownerAndName(repository),
      hook_id: id,
      ...this.#content(url),
      request: callLimit(signal),
    });
  }

  async remove(repository: string, id: number, signal: AbortSignal): Promise<void> {
    const octokit = await this.#access.octokit(repository);
    await octokit.request("DELETE /repos/{owner}/{repo}/hooks/{hook_id}", {
      ...ownerAndName(repository),
      hook_id: id,
      request: callLimit(signal),
    });
  }

  /** Call it after a refusal: the App may get permissions that the old token does not have. */
  forgetAccess(repository: string): void {
    this.#access.forget(repository);
  }

  /** All fields, since GitHub drops a secret that is left out. `url` is inside `config`: Octokit calls a top-level one. */
  #content(url: string) {
    return {
      active: true,
      events: EVENTS,
      config: { url, content_type: "json", insecure_ssl: "0", secret: this.#secret() },
    };
  }
}
