import { describe, expect, test } from "vitest";
import { classifyGitHubError, remedyFor } from "../../../app/github/github-error.ts";
import { isSaidByGitHub, readGitHubFailure } from "../../../shared/github-failure.ts";

const NOW = Date.parse("2026-11-01T12:00:00Z");
const DATE = new Date(NOW).toUTCString();

/** An error as Octokit throws it for an answer. */
function answered(status: number, message: string | null, headers: Record<string, string> = {}) {
  const data = message === null ? "<html>blocked</html>" : { message };
  return Object.assign(new Error(message ?? "Unknown error"), { status, response: { headers, data } });
}
const read = (error: unknown) => readGitHubFailure(error, NOW);

const SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
const ABUSE = "You have triggered an abuse detection mechanism. Please wait a few minutes.";
const SUSPENDED = "This installation has been suspended";
// https://github.com/aquasecurity/trivy/issues/10567, https://github.com/googleapis/repo-automation-bots/issues/4724
const NOT_LISTED =
  "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.";
const ARCHIVED = "Repository was archived so is read-only.";
const NO_RIGHT = "Resource not accessible by integration";

describe("403 is told apart by GitHub's headers and message", () => {
  test.each([SECONDARY, ABUSE, "API rate limit exceeded for installation ID 7."])(
    "%s: a limit without a time is one minute",
    (message) => {
      expect(read(answered(403, message))).toEqual({ kind: "rate_limited", delayMs: 60_000, unsaid: true });
    },
  );

  test("a limit with a time is as long as GitHub says, in seconds or as a date by GitHub's clock", () => {
    const waiting = (value: string) => read(answered(403, NO_RIGHT, { "retry-after": value, date: DATE }));
    expect(waiting("7")).toEqual({ kind: "rate_limited", delayMs: 7_000 });
    expect(waiting(new Date(NOW + 9_000).toUTCString())).toEqual({ kind: "rate_limited", delayMs: 9_000 });
  });

  test("an hour whose calls are used up ends when GitHub says", () => {
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW / 1000 + 90) };
    expect(read(answered(403, "no", headers))).toEqual({ kind: "rate_limited", delayMs: 90_000 });
  });

  test.each([
    ["a suspension", SUSPENDED, "suspended", "end the suspension on the installation's page"],
    ["an address that is not allowed", NOT_LISTED, "ip_allow_list", "IP allow list"],
    ["an archived repository", ARCHIVED, "archived", "unarchive it"],
  ])("%s has words of its own", (_, message, obstacle, remedy) => {
    const failure = classifyGitHubError(answered(403, message), NOW);
    expect(failure).toEqual({
      ...{ kind: "refused", status: 403, obstacle },
      remedy: expect.stringContaining(remedy),
    });
    expect(failure.kind === "refused" && remedyFor(failure, "Actions: read")).not.toContain("permission");
  });

  test.each([403, 404])(
    "a refusal with %i of a call that needs a permission names that permission",
    (status) => {
      const failure = classifyGitHubError(answered(status, NO_RIGHT), NOW);
      expect(failure.kind === "refused" && remedyFor(failure, "Actions: read")).toBe(
        "install the App on the repository, with the permission Actions: read",
      );
    },
  );

  test("the rest is a missing permission", () => {
    expect(classifyGitHubError(answered(403, NO_RIGHT), NOW)).toMatchObject({
      ...{ kind: "refused", status: 403, obstacle: null },
      remedy: expect.stringContaining("permission"),
    });
  });
});

test("429 is a limit, also without the words of one", () => {
  expect(read(answered(429, "slow down", { "retry-after": "20" }))).toMatchObject({ delayMs: 20_000 });
  expect(read(answered(429, "slow down"))).toMatchObject({ delayMs: 60_000, unsaid: true });
});

describe("what GitHub itself did not say is no refusal", () => {
  test.each([400, 401, 403, 404, 407, 422, 451])("%i with a page instead of GitHub's document", (status) => {
    expect(read(answered(status, null))).toEqual({ kind: "transient" });
    expect(isSaidByGitHub(answered(status, null))).toBe(false);
    expect(read(answered(status, "no"))).toMatchObject({ kind: "refused", status });
  });

  test.each([408, 425, 500, 502, 503])("%i, whoever said it", (status) => {
    expect(read(answered(status, "no"))).toEqual({ kind: "transient" });
  });

  test("no answer at all", () => {
    expect(read(Object.assign(new Error("fetch failed"), { status: 500 }))).toEqual({ kind: "transient" });
    expect(read(undefined)).toEqual({ kind: "transient" });
  });
});
