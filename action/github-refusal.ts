import { NoToken } from "./credential.ts";
import { UnusableAnswer } from "./github-api.ts";
import type { Refusal } from "./judge.ts";
import { NoReply } from "./octokit-fetch.ts";
import { parseRetryAfter } from "./retry-after.ts";

interface GitHubFailure {
  status?: number;
  message?: string;
  response?: { headers?: Record<string, string | number | undefined>; data?: unknown };
  cause?: unknown;
}

/**
 * Why GitHub did not do what was asked, with the remedy.
 * @param withToken whether the job asks for OIDC tokens: a `permissions:` block takes away what it does not name.
 */
export function githubRefusal(
  error: unknown,
  { now, withToken }: { now: number; withToken: boolean },
): Refusal {
  const { status = 0, response, cause } = error as GitHubFailure;
  const refuse = (kind: Refusal["kind"], remedy: string, more: Partial<Refusal> = {}): Refusal => ({
    kind,
    status,
    cause: kind === "permanent" ? `refused with ${status}` : `answered ${status}`,
    remedy,
    detail: messageOf(response?.data),
    retryAfterMs: null,
    mayHaveArrived: false,
    ...more,
  });
  if (cause instanceof NoReply)
    return refuse("transient", "Check whether this runner reaches GitHub's API, and GitHub's status page.", {
      status: null,
      cause: cause.reply.cause,
      detail: null,
      mayHaveArrived: cause.reply.sent,
    });
  if (error instanceof UnusableAnswer || (response === undefined && status === 500))
    return unusable(error instanceof UnusableAnswer ? error.message : "GitHub's answer cannot be read");
  if (error instanceof NoToken)
    return { ...unusable("GitHub gave no OIDC token"), mayHaveArrived: false, detail: error.message };
  if (response === undefined) throw error;

  const header = (name: string) => String(response.headers?.[name] ?? "");
  const retryAfterMs = parseRetryAfter(header("retry-after"), now);
  const exhausted = header("x-ratelimit-remaining") === "0";
  if (status === 429 || (status === 403 && (retryAfterMs !== null || exhausted)))
    return refuse("transient", "GitHub's rate limit is used up: start fewer runs at once.", {
      cause: `answered ${status}, the rate limit is used up`,
      retryAfterMs:
        retryAfterMs ??
        (exhausted ? Math.max(0, Number(header("x-ratelimit-reset")) * 1_000 - now) || null : null),
    });
  switch (status) {
    case 401:
      return refuse(
        "permanent",
        "Leave the input `github-token` out (its default is the job's own token), or correct it.",
      );
    case 403:
    case 404:
      return refuse("permanent", permissionRemedy(withToken));
    case 409:
    case 422:
      return refuse(
        "permanent",
        "Check that the commit is in the repository and the environment's name is valid (see the answer).",
      );
    default:
      if (status >= 500 || status === 408)
        return refuse("transient", "Look at GitHub's status page.", { mayHaveArrived: status !== 503 });
      return refuse(
        "permanent",
        "Check GITHUB_API_URL: something else than GitHub's API seems to answer there.",
      );
  }
}

/** GitHub answered, but not with what was asked for, or not yet. */
export function unusable(cause: string): Refusal {
  const remedy = "Check that an instance reaches GitHub's API, and GitHub's status page.";
  return {
    ...{ kind: "transient", status: null, cause, remedy, detail: null, retryAfterMs: null },
    mayHaveArrived: true,
  };
}

/** The App does not take the request that was left at GitHub; `reason` is what it says. */
export function refusedByApp(reason: string): Refusal {
  return {
    kind: "permanent",
    status: null,
    cause: "the App does not take the request that was left there",
    remedy: "Correct what the App says about it.",
    detail: reason,
    retryAfterMs: null,
    mayHaveArrived: false,
    byTheApp: true,
  };
}

/** The lines that let the job's token make and read GitHub Deployments. */
export function permissionRemedy(withToken: boolean): string {
  return `Let the job use GitHub's Deployments, so that a request can be left there when no endpoint answers:

    permissions:
      deployments: write
      contents: read${withToken ? "\n      id-token: write" : ""}

Runs for pull requests from forks cannot have it. Without that route, set the input \`github-route\` to \`never\`.`;
}

function messageOf(data: unknown): string | null {
  if (typeof data === "string") return data.trim() === "" ? null : data;
  const message = (data as { message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message : null;
}
