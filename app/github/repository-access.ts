import type { Probot } from "probot";

const CALL_LIMIT_MS = 10_000;

export type Octokit = Awaited<ReturnType<Probot["auth"]>>;

/** Clients with the rights that the App has on a repository, whatever installation gives them. */
export class RepositoryAccess {
  #newApp: () => Promise<Probot>;
  #app: Promise<Probot>;
  #installations = new Map<string, Promise<number>>();

  /** `newApp` makes the App with nothing cached. */
  constructor(newApp: () => Promise<Probot>) {
    this.#newApp = newApp;
    this.#app = newApp();
  }

  /** A client for `owner/name`. */
  async octokit(repository: string): Promise<Octokit> {
    const app = await this.#app;
    const known = this.#installations;
    let id = known.get(repository);
    if (id === undefined) {
      id = findInstallation(app, repository);
      // One look-up serves all who ask meanwhile; a failed one, nobody else.
      id.catch(() => known.delete(repository));
      known.set(repository, id);
    }
    return app.auth(await id);
  }

  /**
   * Forgets installations and their tokens: after a refusal the App may have been installed anew, or have been
   * given rights that a token made before does not carry.
   */
  forget(): void {
    this.#installations = new Map();
    this.#app = this.#newApp();
  }
}

async function findInstallation(app: Probot, repository: string): Promise<number> {
  const octokit = await app.auth();
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/installation", {
    ...ownerAndName(repository),
    request: callLimit(),
  });
  return data.id;
}

export function ownerAndName(repository: string): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

/** A call that takes longer is given up, and made again later. */
export function callLimit(signal?: AbortSignal): { signal: AbortSignal } {
  const timeout = AbortSignal.timeout(CALL_LIMIT_MS);
  return { signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
}
