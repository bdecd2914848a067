import type { Clock } from "../clock.ts";
import { classifyGitHubError } from "../github/github-error.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { HttpProblem } from "./problem.ts";

/** How long a client should wait for a GitHub that is away (seconds). */
const RETRY_AFTER_S = 5;

/** What is needed to ask GitHub something about a repository on behalf of a request. */
export interface AskGitHub {
  access: RepositoryAccess;
  clock: Clock;
}

/**
 * Asks GitHub something that a request depends on.
 * @throws {HttpProblem} `refused` when GitHub refuses the App, 503 when it is away or wants to be left alone.
 */
export async function askGitHub<T>(
  { access, clock }: AskGitHub,
  { repository, refused }: { repository: string; refused: 403 | 409 },
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const failure = classifyGitHubError(error, clock.now());
    if (failure.kind === "refused") {
      access.forget(repository);
      throw new HttpProblem(
        refused,
        `GitHub does not let the App look at ${repository}: install the App on it, with the permission Actions: read`,
      );
    }
    const seconds = failure.kind === "rate_limited" ? Math.ceil(failure.delayMs / 1_000) : RETRY_AFTER_S;
    throw new HttpProblem(
      503,
      `this has to be compared with what GitHub says, and GitHub cannot be asked (${(error as Error).message}); send it again`,
      { "retry-after": String(seconds) },
    );
  }
}
