import { describe, expect, test } from "vitest";
import { GitHubApi, UnusableAnswer } from "../../../action/ask/github-api.ts";
import { githubRefusal, permissionRemedy } from "../../../action/ask/github-refusal.ts";
import { NoReply } from "../../../action/ask/octokit-fetch.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";

const NOW = Date.parse("2026-11-01T12:00:00Z");

/** An error as Octokit throws it for an answer. */
function answered(status: number, headers: Record<string, string> = {}, data: unknown = { message: "no" }) {
  return Object.assign(new Error("no"), { status, response: { status, headers, data } });
}
const refuse = (error: unknown, withToken = false) => githubRefusal(error, { now: NOW, withToken });

describe("GitHub's answer", () => {
  test.each([401, 403, 404, 409, 422, 451])("%i is a refusal for good", (status) => {
    expect(refuse(answered(status))).toMatchObject({ kind: "permanent", status, detail: "no" });
  });

  test.each([408, 429, 500, 502, 503, 504])("%i may pass", (status) => {
    expect(refuse(answered(status))).toMatchObject({ kind: "transient", status });
  });

  test("403 with a rate limit that is used up may pass, when GitHub says", () => {
    const reset = String(NOW / 1_000 + 90);
    expect(refuse(answered(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }))).toMatchObject(
      { kind: "transient", retryAfterMs: 90_000 },
    );
    expect(refuse(answered(403, { "retry-after": "60" }))).toMatchObject({
      kind: "transient",
      retryAfterMs: 60_000,
    });
  });

  test("403 for an address that is not on the organization's IP allow list asks for no permission", () => {
    const message = "the `acme` organization has an IP allow list enabled, and 192.0.2.1 is not permitted";
    expect(refuse(answered(403, {}, { message }))).toMatchObject({
      kind: "permanent",
      cause: "refused with 403: this runner's address is not allowed",
      remedy: "Add this runner's address to the organization's IP allow list at GitHub.",
    });
  });

  test("a page instead of JSON is shown as it is", () => {
    expect(refuse(answered(502, {}, "<html>bad gateway</html>"))).toMatchObject({
      detail: "<html>bad gateway</html>",
      byTheApp: false,
    });
  });

  test("that a proxy gave is no refusal, and a limit without a time is one minute", () => {
    expect(refuse(answered(403, {}, "<html>blocked</html>"))).toMatchObject({
      kind: "transient",
      cause: "answered 403, but not by GitHub",
    });
    const data = { message: "You have exceeded a secondary rate limit." };
    expect(refuse(answered(403, {}, data))).toMatchObject({ kind: "transient", retryAfterMs: 60_000 });
  });

  test("that never came may have had its effect only if the request had left", () => {
    for (const sent of [true, false]) {
      const cause = new NoReply({ kind: "none", code: "ECONNRESET", cause: "broken off", sent });
      const error = Object.assign(new Error("x"), { status: 500, cause });
      expect(refuse(error)).toMatchObject({ kind: "transient", cause: "broken off", mayHaveArrived: sent });
    }
  });

  test("that is another one than was asked for may pass", () => {
    expect(refuse(new UnusableAnswer("no list"))).toMatchObject({ kind: "transient", cause: "no list" });
  });

  test("is not blamed for a fault of our own", () => {
    expect(() => refuse(new TypeError("oops"))).toThrow("oops");
  });
});

test("the lines to add keep the permission that the job proves itself by", () => {
  expect(permissionRemedy(false)).toContain(
    "    permissions:\n      deployments: write\n      contents: read\n\n",
  );
  expect(permissionRemedy(true)).toContain("      contents: read\n      id-token: write\n\n");
});

test("the end of the step ends a call to GitHub", async () => {
  const stopped = new Error("stopped");
  const api = new GitHubApi({
    apiUrl: "http://127.0.0.1:1",
    token: "t",
    request: REQUEST,
    requestTimeoutMs: 1_000,
    signal: AbortSignal.abort(stopped),
  });
  await expect(api.list()).rejects.toMatchObject({ cause: stopped });
});
