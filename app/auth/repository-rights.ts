import type { Clock } from "../clock.ts";
import { isGone } from "../github/github-error.ts";
import { ownerAndName, type RepositoryAccess } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { Refusal } from "./refusal.ts";
import type { Right } from "./viewer.ts";

/** How long GitHub's answer is valid: a withdrawn right ends here within this time. */
const FRESH_MS = 60_000;
/** How long an answer is valid while GitHub is unreachable: people on call need the pages most then. */
const STALE_LIMIT_MS = 15 * 60_000;
/** A person waits for the page. */
const CALL_LIMIT_MS = 3_000;
/** At most so many answers are kept. */
const MAX_KEPT = 10_000;

export interface RightsOptions {
  /** Gives clients with the App's own rights on a repository. */
  access: Pick<RepositoryAccess, "octokit" | "forget">;
  clock: Clock;
  /** The repositories that have a target. */
  repositories: readonly string[];
}

interface Answer {
  askedAt: number;
  /** When GitHub last confirmed the answer. */
  confirmedAt: number;
  right: Promise<Right | null>;
}

/**
 * Reads people's rights on the repositories that have a target. The App asks GitHub with its installation,
 * which needs no more than "Metadata: read". So no personal token is kept. A withdrawn right ends within a
 * minute, in every session.
 * @see https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
 */
export class RepositoryRights {
  #o: RightsOptions;
  #repositories: string[];
  #answers = new Map<string, Answer>();

  constructor(options: RightsOptions) {
    this.#o = options;
    this.#repositories = [...new Set(options.repositories.map(repositoryKey))];
  }

  /**
   * A person's rights, by `owner/name` in lower case. Repositories without push access are left out.
   * @throws {Refusal} 503 when GitHub answers for none of the repositories.
   */
  async of(person: { id: number; login: string }): Promise<ReadonlyMap<string, Right>> {
    const rights = new Map<string, Right>();
    let failure: unknown;
    let answered = 0;
    await Promise.all(
      this.#repositories.map(async (repository) => {
        try {
          const right = await this.#right(repository, person);
          answered += 1;
          if (right) rights.set(repository, right);
        } catch (error) {
          failure = error;
        }
      }),
    );
    if (answered === 0 && failure !== undefined)
      throw new Refusal(
        "unavailable",
        "GitHub cannot be asked for your rights at this moment; try again, or sign in with the admin token at /sign-in",
        { cause: failure, retryAfterS: 5 },
      );
    return rights;
  }

  async #right(repository: string, person: { id: number; login: string }): Promise<Right | null> {
    const key = `${person.id} ${repository}`;
    const now = this.#o.clock.monotonic();
    const known = this.#answers.get(key);
    if (known && now - known.askedAt < FRESH_MS) return known.right;
    const right = this.#ask(repository, person).then(
      (said) => {
        answer.confirmedAt = now;
        return said;
      },
      (error) => {
        if (known && now - known.confirmedAt < STALE_LIMIT_MS) return known.right;
        if (this.#answers.get(key) === answer) this.#answers.delete(key);
        throw error;
      },
    );
    // Requests meanwhile wait for the same answer.
    const answer: Answer = { askedAt: now, confirmedAt: known?.confirmedAt ?? now, right };
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    this.#forgetOldest();
    return right;
  }

  async #ask(repository: string, { id, login }: { id: number; login: string }): Promise<Right | null> {
    try {
      const octokit = await this.#o.access.octokit(repository);
      const { data } = await octokit.request(
        "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
        {
          ...ownerAndName(repository),
          username: login,
          request: { signal: AbortSignal.timeout(CALL_LIMIT_MS) },
        },
      );
      // Another person can take a login that was given up, but not the id.
      if (data.user?.id !== id) return null;
      // GitHub reports "maintain" as "write", and "triage" as "read".
      return data.permission === "admin" ? "admin" : data.permission === "write" ? "push" : null;
    } catch (error) {
      if (isGone(error) || (error as { status?: number }).status === 401) this.#o.access.forget(repository);
      // The App is not installed there, or no account has this name any more.
      if (isGone(error)) return null;
      throw error;
    }
  }

  #forgetOldest(): void {
    for (const key of this.#answers.keys()) {
      if (this.#answers.size <= MAX_KEPT) return;
      this.#answers.delete(key);
    }
  }
}
