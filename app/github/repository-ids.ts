import type { Clock } from "../clock.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "./repository-access.ts";

/** Where the id on record is not the one asked about, GitHub is asked again, but no more often than this. */
const ASK_AGAIN_MS = 60_000;

/**
 * GitHub's ids of repositories. A name may pass to another repository, an id never does. What was read is kept, so
 * that GitHub is asked about once a repository.
 */
export class RepositoryIds {
  #access: RepositoryAccess;
  #clock: Clock;
  #known = new Map<string, { id: Promise<number>; askedAt: number }>();

  constructor({ access, clock }: { access: RepositoryAccess; clock: Clock }) {
    this.#access = access;
    this.#clock = clock;
  }

  /** Whether `owner/name` is the repository with this id; rejects with Octokit's error when GitHub cannot be asked. */
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
    // A failure is nobody else's answer.
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
