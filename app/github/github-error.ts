import {
  type GitHubFailure,
  isSaidByGitHub,
  type Obstacle,
  type OctokitError,
  readGitHubFailure,
} from "../../shared/github-failure.ts";
import { type Headers, timeOf } from "./github-time.ts";

/** The kind of a failed call to GitHub; `remedy` says what an operator can change. */
export type ClassifiedError =
  | Exclude<GitHubFailure, { kind: "refused" }>
  | (Extract<GitHubFailure, { kind: "refused" }> & { remedy: string });

/** GitHub's status if nothing has changed since the ETag; Octokit throws it as an error. */
export const NOT_MODIFIED = 304;

/**
 * Makes a call with the ETag of an earlier answer. `answer` is null if nothing has changed since; GitHub does not count
 * such a call. `at` is when GitHub answered (ms, GitHub's clock).
 */
export async function ifChanged<T extends { headers: Headers }>(
  call: () => Promise<T>,
): Promise<{ answer: T | null; at: number | null }> {
  try {
    const answer = await call();
    return { answer, at: timeOf(answer.headers) };
  } catch (error) {
    const { status, response } = error as OctokitError;
    if (status === NOT_MODIFIED) return { answer: null, at: timeOf(response?.headers ?? {}) };
    throw error;
  }
}

/**
 * Tells what a failed call to GitHub means for the next one, with the remedy for an operator.
 * @see readGitHubFailure
 */
export function classifyGitHubError(error: unknown, now: number): ClassifiedError {
  const failure = readGitHubFailure(error, now);
  if (failure.kind !== "refused") return failure;
  const { status, obstacle } = failure;
  const remedy = obstacle === null ? REMEDIES[status] : OBSTACLE_REMEDIES[obstacle];
  return { ...failure, remedy: remedy ?? "see what GitHub says" };
}

/** Whether GitHub itself says that there is no such thing: a proxy's 404 does not count. */
export function isGone(error: unknown): boolean {
  return (error as OctokitError | null)?.status === 404 && isSaidByGitHub(error);
}

const OBSTACLE_REMEDIES: Record<Obstacle, string> = {
  suspended: "the App's installation is suspended: end the suspension on the installation's page",
  ip_allow_list: "add this host's address to the organization's IP allow list at GitHub",
  archived: "the repository is archived: unarchive it at GitHub, or remove its targets",
};
const REMEDIES: Record<number, string> = {
  401: "check APP_ID and PRIVATE_KEY: they must be of the same App",
  403: "give the App the permission Deployments: write, and accept it on the installation's page",
  404: "install the App on this repository",
  409: "GitHub refuses a deployment of this commit",
  410: "the repository is gone",
  422: "GitHub does not know this commit (any more)",
};

/**
 * The remedy after a refused call that needs this permission on the repository, such as `Actions: read`.
 */
export function remedyFor(
  refused: Extract<ClassifiedError, { kind: "refused" }>,
  permission: string,
): string {
  const { status, obstacle, remedy } = refused;
  if (obstacle !== null || (status !== 403 && status !== 404)) return remedy;
  return `install the App on the repository, with the permission ${permission}`;
}
