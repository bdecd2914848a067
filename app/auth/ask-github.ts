import type { Clock } from "../clock.ts";
import { classifyGitHubError, remedyFor } from "../github/github-error.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { Refusal } from "./refusal.ts";

/** How long a client should wait while GitHub is unreachable (seconds). */
const RETRY_AFTER_S = 5;

/** The parts that a question to GitHub about a repository needs. */
export interface AskGitHub {
  access: RepositoryAccess;
  clock: Clock;
}

/**
 * Asks GitHub something that a request depends on.
 * @throws {Refusal} `refused` when GitHub denies the App access. 503 when GitHub is unreachable, limits the
 * rate, or rejects this instance's credentials (401).
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
      `this has to be checked at GitHub, and GitHub cannot be asked (${message}); send it again`,
      { retryAfterS: seconds },
    );
  }
}
