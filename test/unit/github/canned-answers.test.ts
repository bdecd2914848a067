import { pino } from "pino";
import { expect, test } from "vitest";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { type GitHubCall, githubApp } from "../../../app/github/app.ts";
import { CallBudget } from "../../../app/github/call-budget.ts";
import { DeliveryLogClient } from "../../../app/github/delivery-log.ts";
import { GitHubDeployments } from "../../../app/github/deployments.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { WebhookConfigClient } from "../../../app/github/webhook-config.ts";
import { CANNED_GITHUB, cannedGitHub } from "../../helpers/canned-github.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { appIdentity } from "../../simulator/app-identity.ts";

const github = cannedGitHub();
const log = pino({ level: "silent" });
const signal = new AbortController().signal;
const { id, privateKey, webhookSecret } = appIdentity();
const { environment } = readEnvironment({
  APP_ID: String(id),
  PRIVATE_KEY: privateKey,
  WEBHOOK_SECRET: webhookSecret,
  GITHUB_API_URL: CANNED_GITHUB,
});

/** The App, and what it tells of its calls. */
function client() {
  const calls: GitHubCall[] = [];
  const app = githubApp({ ...environment, githubApiUrl: CANNED_GITHUB }, webhookSecret, log, (call) =>
    calls.push(call),
  );
  return { app, calls };
}

function deliveryLog() {
  const clock = new ManualClock();
  return new DeliveryLogClient({ app: client().app, clock, budget: new CallBudget(clock), log });
}

const PAGE = "<html>Sign in to the network of this building</html>";
const HTML = { "content-type": "text/html" };

test("a page that a proxy answers in GitHub's place is a failed call, although its status is 200", async () => {
  const { app, calls } = client();
  github().get("/app/hook/config").reply(200, PAGE, HTML);
  const read = new WebhookConfigClient(app, () => webhookSecret).read();
  await expect(read).rejects.toThrow("api.github.test answered 200 with something else than JSON");
  await expect(read).rejects.not.toThrow("building");
  expect(calls).toMatchObject([{ credential: "app", result: "failed" }]);
});

test("a page in place of an installation gives nobody access, and the next call asks again", async () => {
  const access = new RepositoryAccess(() => client().app);
  const installation = () => github().get("/repos/acme/site/installation");
  installation().reply(200, PAGE, HTML);
  await expect(access.octokit("acme/site")).rejects.toThrow("something else than JSON");
  installation().reply(200, { id: 7, account: { login: "acme" } });
  await access.octokit("acme/site");
});

test("an answer that made no Deployment is an error in GitHub's words", async () => {
  github()
    .get("/repos/acme/site/installation")
    .reply(200, { id: 7, account: { login: "acme" } });
  github().post("/app/installations/7/access_tokens").reply(201, { token: "ghs_1", permissions: {} });
  github().post("/repos/acme/site/deployments").reply(202, { message: "Auto-merged main into topic" });
  const shown = {
    ...{ id: "dep_1", repository: "acme/site", target: "production", environment: "production" },
    ...{ sha: "a".repeat(40), ref: "refs/heads/main", run_id: 1, run_attempt: 1 },
    ...{ environmentUrl: null, logUrl: "https://deploy.example.com/deployments/dep_1" },
  };
  const made = new GitHubDeployments(new RepositoryAccess(() => client().app)).create(shown);
  await expect(made).rejects.toThrow(
    `GitHub made no deployment of ${shown.sha}: Auto-merged main into topic`,
  );
});

test("the next page of the delivery log is asked for by its cursor, whatever characters that has", async () => {
  const cursor = "v1_a+b/c==&d";
  const link = (rel: string, at: string) =>
    `<${CANNED_GITHUB}/app/hook/deliveries?per_page=100&cursor=${encodeURIComponent(at)}>; rel="${rel}"`;
  const page = (query: Record<string, string>) => github().get("/app/hook/deliveries").query(query);
  page({ per_page: "100" }).reply(200, [], { link: `${link("prev", "v1_before")}, ${link("next", cursor)}` });
  page({ per_page: "100", cursor }).reply(200, [], { link: link("prev", "v1_first") });
  const deliveries = deliveryLog();
  const first = await deliveries.page(null, signal);
  expect(first.next).toBe(cursor);
  expect(await deliveries.page(first.next, signal)).toMatchObject({ rows: [], next: null });
});

test("an answer without a date is of now, by the clock of this host", async () => {
  github().get("/app/hook/deliveries?per_page=100").reply(200, []);
  expect((await deliveryLog().page(null, signal)).at).toBe(new ManualClock().now());
});

test("the hour that GitHub counts calls in ends by GitHub's clock, and a second from now at the soonest", async () => {
  const { app, calls } = client();
  const now = Date.parse("2020-02-02T02:00:00Z");
  const answer = (resetsAt: number) =>
    github()
      .get("/app/hook/config")
      .reply(
        200,
        {},
        {
          ...{ date: new Date(now).toUTCString(), "x-ratelimit-limit": "15000" },
          ...{ "x-ratelimit-remaining": "12", "x-ratelimit-reset": String(resetsAt / 1000) },
        },
      );
  const webhook = new WebhookConfigClient(app, () => webhookSecret);
  answer(now + 90_000);
  await webhook.read();
  answer(now - 5_000);
  await webhook.read();
  const hour = { resource: "core", limit: 15_000, remaining: 12 };
  expect(calls.map(({ rateLimit }) => rateLimit)).toEqual([
    { ...hour, resetInMs: 90_000 },
    { ...hour, resetInMs: 1_000 },
  ]);
});

test("a server that names no limit has none", async () => {
  const { app, calls } = client();
  github().get("/app/hook/config").reply(200, {});
  await new WebhookConfigClient(app, () => webhookSecret).read();
  expect(calls).toEqual([{ credential: "app", account: "app", result: "ok", rateLimit: null }]);
});
