import nock from "nock";
import { expect, test } from "vitest";
import { GitHubApi, UnusableAnswer } from "../../../action/ask/github-api.ts";
import { CANNED_GITHUB, cannedGitHub } from "../../helpers/canned-github.ts";

const github = cannedGitHub();
const SHA = "a".repeat(40);
const DEPLOYMENTS = "/repos/acme/site/deployments";
const OURS = { sha: SHA, environment: "production", task: "twinhook", per_page: "100" };

const api = () =>
  new GitHubApi({
    apiUrl: CANNED_GITHUB,
    token: "ghs_of_the_job",
    request: { repository: "acme/site", environment: "production", sha: SHA },
    requestTimeoutMs: 10_000,
    signal: new AbortController().signal,
  });

test("the job's token goes to GitHub under the Action's name", async () => {
  github()
    .matchHeader("authorization", "token ghs_of_the_job")
    .matchHeader("user-agent", "twinhook-action")
    .matchHeader("accept", "application/vnd.github.v3+json")
    .get(DEPLOYMENTS)
    .query(OURS)
    .reply(200, []);
  expect(await api().list()).toEqual([]);
});

test("a redirect is not followed, so that the job's token goes nowhere else", async () => {
  const elsewhere = nock("https://elsewhere.test").get(DEPLOYMENTS).query(true).reply(200, []);
  github()
    .get(DEPLOYMENTS)
    .query(OURS)
    .reply(301, {}, { location: `https://elsewhere.test${DEPLOYMENTS}` });
  await expect(api().list()).rejects.toThrow(UnusableAnswer);
  expect(elsewhere.isDone()).toBe(false);
  nock.cleanAll();
});

test("only Deployments of our commit count, whatever GitHub lists", async () => {
  const deployment = (id: number, sha: string) => ({
    ...{ id, sha, task: "twinhook", environment: "production", payload: {} },
    created_at: "2026-11-01T12:00:00Z",
  });
  github()
    .get(DEPLOYMENTS)
    .query(OURS)
    .reply(200, [deployment(2, "b".repeat(40)), null, "odd", deployment(1, SHA)]);
  expect(await api().list()).toMatchObject([{ sha: SHA }]);
});

test("an answer that is cut off in the middle of its JSON is no list", async () => {
  github().get(DEPLOYMENTS).query(OURS).reply(200, '[{"id":', { "content-type": "application/json" });
  await expect(api().list()).rejects.toThrow(UnusableAnswer);
});
