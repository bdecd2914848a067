import {
  messageOf,
  type Obstacle,
  type OctokitError,
  PASSING_STATUSES,
  readGitHubFailure,
} from "../../shared/github-failure.ts";
import { NO_TOKEN } from "../http.ts";
import { NoToken } from "../input/credential.ts";
import { UnusableAnswer } from "./github-api.ts";
import type { Refusal } from "./judge.ts";
import { NoReply } from "./octokit-fetch.ts";
import { remedyForNoAnswer } from "./remedy-for.ts";

/**
 * Why GitHub refused or failed, with the remedy.
 * @param withToken whether the job requests OIDC tokens: a `permissions:` block removes every permission that
 * it does not name.
 */
export function githubRefusal(
  error: unknown,
  { now, withToken }: { now: number; withToken: boolean },
): Refusal {
  const { status = 0, response, cause } = error as OctokitError & { cause?: unknown };
  const refuse = (kind: Refusal["kind"], remedy: string, more: Partial<Refusal> = {}): Refusal => ({
    kind,
    status,
    cause: kind === "permanent" ? `refused with ${status}` : `answered ${status}`,
    remedy,
    detail: textOf(response?.data),
    retryAfterMs: null,
    mayHaveArrived: false,
    ...(typeof response?.data === "string" && { byTheApp: false }),
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
    return {
      ...unusable(error.message),
      remedy: remedyForNoAnswer(NO_TOKEN),
      mayHaveArrived: false,
      detail: error.detail,
    };
  if (response === undefined) throw error;

  const failure = readGitHubFailure(error, now);
  switch (failure.kind) {
    case "rate_limited":
      return refuse("transient", "GitHub's rate limit is used up: start fewer runs at once.", {
        cause: `answered ${status}, the rate limit is used up`,
        retryAfterMs: failure.delayMs,
      });
    case "transient":
      if (status >= 500 || PASSING_STATUSES.includes(status))
        return refuse("transient", "Look at GitHub's status page.", { mayHaveArrived: status !== 503 });
      return refuse(
        "transient",
        "Check GITHUB_API_URL and the proxy: something else than GitHub's API seems to answer there.",
        { cause: `answered ${status}, but not by GitHub` },
      );
    case "refused":
      return refuse("permanent", remedyForRefusal(failure, withToken), {
        ...(failure.obstacle && { cause: `refused with ${status}: ${OBSTACLES[failure.obstacle].cause}` }),
      });
  }
}

const OBSTACLES: Record<Obstacle, { cause: string; remedy: string }> = {
  suspended: {
    cause: "suspended",
    remedy:
      "End the suspension of the account, or of the installation, that the token in `github-token` is of.",
  },
  ip_allow_list: {
    cause: "this runner's address is not allowed",
    remedy: "Add this runner's address to the organization's IP allow list at GitHub.",
  },
  archived: { cause: "archived", remedy: "Unarchive the repository at GitHub." },
};

function remedyForRefusal(
  { status, obstacle }: { status: number; obstacle: Obstacle | null },
  withToken: boolean,
) {
  if (obstacle) return OBSTACLES[obstacle].remedy;
  switch (status) {
    case 401:
      return "Leave the input `github-token` out (its default is the job's own token), or correct it.";
    case 403:
    case 404:
      return permissionRemedy(withToken);
    default:
      return "Check that the commit is in the repository and the environment's name is valid (see the answer).";
  }
}

/** GitHub answered, but without the expected content, or not yet. */
export function unusable(cause: string): Refusal {
  const remedy = "Check that an instance reaches GitHub's API, and GitHub's status page.";
  return {
    ...{ kind: "transient", status: null, cause, remedy, detail: null, retryAfterMs: null },
    mayHaveArrived: true,
  };
}

/** The App refuses the parked request; `reason` is the App's own text. */
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

/** The lines that let the job's token create and read GitHub Deployments. */
export function permissionRemedy(withToken: boolean): string {
  return `Let the job use GitHub's Deployments, so that a request can be left there when no endpoint answers:

    permissions:
      deployments: write
      contents: read${withToken ? "\n      id-token: write" : ""}

Runs for pull requests from forks cannot have it. Without that route, set the input \`github-route\` to \`never\`.`;
}

/** The text of an answer: GitHub's message, or the page as it is. */
function textOf(data: unknown): string | null {
  if (typeof data === "string") return data.trim() === "" ? null : data;
  return messageOf(data);
}
