import { type Headers, timeOf } from "./github-time.ts";

/** What a failed call to GitHub means for the next one. */
export type GitHubFailure =
  /** GitHub asks to wait this long; `unsaid` where it asks to wait, and does not say how long. */
  | { kind: "rate_limited"; delayMs: number; unsaid?: true }
  /** It may go well next time. */
  | { kind: "transient" }
  /** It will fail again until someone changes something. */
  | { kind: "refused"; remedy: string };

/** GitHub's answer to a call with an ETag when nothing has changed; Octokit makes an error of it. */
export const NOT_MODIFIED = 304;

/**
 * Makes a call with the ETag of an earlier answer. The answer is null when nothing has changed since; GitHub does not
 * count the call then. `at` is when GitHub answered, by its clock.
 */
export async function ifChanged<T extends { headers: Headers }>(
  call: () => Promise<T>,
): Promise<{ answer: T | null; at: number | null }> {
  try {
    const answer = await call();
    return { answer, at: timeOf(answer.headers) };
  } catch (error) {
    const { status, response } = error as ErrorWithResponse;
    if (status === NOT_MODIFIED) return { answer: null, at: timeOf(response?.headers ?? {}) };
    throw error;
  }
}

interface ErrorWithResponse {
  status?: number;
  message?: string;
  response?: { headers?: Record<string, string | undefined> };
}

/**
 * Reads what an error of Octokit's means. When a limit ends is told by GitHub's clock, and so measured by it: `now`
 * counts only where the answer does not say when it was made.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export function classifyGitHubError(error: unknown, now: number): GitHubFailure {
  const { status, message = "", response } = (error ?? {}) as ErrorWithResponse;
  const headers = response?.headers ?? {};
  if (status === 429 || status === 403) {
    const retryAfter = Number(headers["retry-after"]);
    if (headers["retry-after"] !== undefined && Number.isFinite(retryAfter))
      return { kind: "rate_limited", delayMs: retryAfter * 1000 };
    const reset = Number(headers["x-ratelimit-reset"]);
    if (headers["x-ratelimit-remaining"] === "0" && Number.isFinite(reset))
      return { kind: "rate_limited", delayMs: Math.max(1_000, reset * 1000 - (timeOf(headers) ?? now)) };
    if (status === 429 || /secondary rate limit/i.test(message))
      return { kind: "rate_limited", delayMs: 60_000, unsaid: true };
    if (/suspended/i.test(message))
      return { kind: "refused", remedy: "end the suspension on the installation's page" };
  }
  const remedy = status === undefined ? undefined : REMEDIES[status];
  return remedy ? { kind: "refused", remedy } : { kind: "transient" };
}

const REMEDIES: Record<number, string> = {
  401: "check APP_ID and PRIVATE_KEY: they must be of the same App",
  403: "give the App the permission Deployments: write, and accept it on the installation's page",
  404: "install the App on this repository",
  409: "GitHub refuses a deployment of this commit",
  410: "the repository is gone",
  422: "GitHub does not know this commit (any more)",
};
