import type { Clock } from "../clock.ts";
import { classifyGitHubError, remedyFor } from "../github/github-error.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { Refusal } from "./refusal.ts";

/** How long a client should wait for a GitHub that is away (seconds). */
const RETRY_AFTER_S = 5;

/** What is needed to ask GitHub something about a repository on behalf of a request. */
export interface AskGitHub {
  access: RepositoryAccess;
  clock: Clock;
}

/**
 * Asks GitHub something that a request depends on.
 * @throws {Refusal} `refused` when GitHub does not let the App look there, 503 when GitHub cannot be asked: it is
 * away, wants to be left alone, or does not accept this instance's credentials (401).
 */
export async function askGitHub<T>(
  { access, clock }: AskGitHub,
  { repository, refused }: { repository: string; refused: "forbidden" | "conflict" },
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const failure = classifyGitHubError(error, clock.now());
    const { message } = error as Error;
    if (failure.kind === "refused") {
      access.forget(repository);
      const remedy = remedyFor(failure, "Actions: read");
      const problem = `GitHub does not let the App look at ${repository} (${message}): ${remedy}`;
      // Another instance may hold the right key.
      if (failure.status !== 401) throw new Refusal(refused, problem);
      throw new Refusal("unavailable", problem, { retryAfterS: RETRY_AFTER_S });
    }
    const seconds = failure.kind === "rate_limited" ? Math.ceil(failure.delayMs / 1_000) : RETRY_AFTER_S;
    throw new Refusal(
      "unavailable",
      `this has to be compared with what GitHub says, and GitHub cannot be asked (${message}); send it again`,
      { retryAfterS: seconds },
    );
  }
}
