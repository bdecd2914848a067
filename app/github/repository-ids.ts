import type { Clock } from "../clock.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "./repository-access.ts";

/** The least time between two calls for one repository: a different id makes `is` ask GitHub again. */
const ASK_AGAIN_MS = 60_000;

/**
 * GitHub's ids of repositories. A name may pass to another repository, an id never does. Ids are cached, so that GitHub
 * is usually asked once per repository.
 */
export class RepositoryIds {
  #access: RepositoryAccess;
  #clock: Clock;
  #known = new Map<string, { id: Promise<number>; askedAt: number }>();

  constructor({ access, clock }: { access: RepositoryAccess; clock: Clock }) {
    this.#access = access;
    this.#clock = clock;
  }

  /** Whether `owner/name` is the repository with this id. Rejects with Octokit's error if GitHub does not answer. */
  async is(repository: string, id: number): Promise<boolean> {
    const known = this.#known.get(repositoryKey(repository));
    if (known && (await known.id) === id) return true;
    if (known && this.#clock.monotonic() - known.askedAt < ASK_AGAIN_MS) return false;
    return (await this.#ask(repository)) === id;
  }

  #ask(repository: string): Promise<number> {
    const key = repositoryKey(repository);
    const id = this.#read(repository);
    this.#known.set(key, { id, askedAt: this.#clock.monotonic() });
    // A failure must not answer later callers.
    id.catch(() => this.#known.delete(key));
    return id;
  }

  async #read(repository: string): Promise<number> {
    const octokit = await this.#access.octokit(repository);
    const { data } = await octokit.request("GET /repos/{owner}/{repo}", {
      ...ownerAndName(repository),
      request: callLimit(),
    });
    return Number(data.id);
  }
}
