import { parseRetryAfter } from "./retry-after.ts";

/** The meaning of a failed call to GitHub's API for the next call. */
export type GitHubFailure =
  /** GitHub asks to wait this long; `unsaid` when GitHub gives no time. */
  | { kind: "rate_limited"; delayMs: number; unsaid?: true }
  /** The next call may succeed: no answer, a fault of GitHub's, or an answer that is not GitHub's. */
  | { kind: "transient" }
  /** Every call fails until someone changes a setting; `obstacle` is null if that may be a missing permission. */
  | { kind: "refused"; status: number; obstacle: Obstacle | null };

/** The reason of a refusal that no permission ends: a suspension, an address that is not listed, an archived repository. */
export type Obstacle = "suspended" | "ip_allow_list" | "archived";

/** An error as Octokit throws it. Without `response`, no answer came. */
export interface OctokitError {
  status?: number;
  message?: string;
  response?: { headers?: Record<string, string | number | undefined>; data?: unknown };
}

/** GitHub's words for each obstacle. */
const OBSTACLES: readonly [Obstacle, RegExp][] = [
  ["suspended", /suspended/i],
  ["ip_allow_list", /IP allow list/i],
  ["archived", /archived/i],
];
/** GitHub's recommended pause after a limit without a time. */
const UNSAID_DELAY_MS = 60_000;
/** The shortest pause until a time that GitHub names: its second may just be over. */
const MIN_REST_MS = 1_000;
/** Client errors that may pass by themselves. */
export const PASSING_STATUSES = [408, 425, 429];

/**
 * Reads the meaning of Octokit's error. GitHub answers 403 to a missing permission, to a limit, and to each
 * obstacle. Only the headers and the message tell which. GitHub's clock measures when a limit ends. `now` (ms)
 * counts only if the answer does not tell the time.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export function readGitHubFailure(error: unknown, now: number): GitHubFailure {
  const { status = 0, message = "", response } = (error ?? {}) as OctokitError;
  const headers = response?.headers ?? {};
  const said = messageOf(response?.data) ?? message;
  if (status === 403 || status === 429) {
    const date = Date.parse(String(headers.date));
    const githubNow = Number.isNaN(date) ? now : date;
    const asked = parseRetryAfter(String(headers["retry-after"] ?? ""), githubNow);
    if (asked !== null) return { kind: "rate_limited", delayMs: asked };
    const reset = Number(headers["x-ratelimit-reset"]);
    if (String(headers["x-ratelimit-remaining"]) === "0" && Number.isFinite(reset))
      return { kind: "rate_limited", delayMs: Math.max(MIN_REST_MS, reset * 1000 - githubNow) };
    if (status === 429 || /rate limit|abuse detection/i.test(said))
      return { kind: "rate_limited", delayMs: UNSAID_DELAY_MS, unsaid: true };
  }
  if (!isSaidByGitHub(error) || PASSING_STATUSES.includes(status)) return { kind: "transient" };
  const [obstacle = null] = OBSTACLES.find(([, words]) => status === 403 && words.test(said)) ?? [];
  return { kind: "refused", status, obstacle };
}

/**
 * Whether GitHub itself refused the call (4xx). A proxy, a firewall or a gateway answers with a page, or with
 * a document without GitHub's `message`.
 */
export function isSaidByGitHub(error: unknown): boolean {
  const { status = 0, response } = (error ?? {}) as OctokitError;
  return status >= 400 && status < 500 && messageOf(response?.data) !== null;
}

/** The sentence in GitHub's answer, or null when the answer has none. */
export function messageOf(data: unknown): string | null {
  const message = (data as { message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message : null;
}
