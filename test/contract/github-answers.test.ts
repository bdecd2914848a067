import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appJwt } from "../simulator/client-jwt.ts";
import { GitHubApiDescription } from "../simulator/github-api-description.ts";
import { ROUTES } from "../simulator/routes.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";
import type { RepositoryRecord } from "../simulator/world.ts";

/** One call of every route; what lies in the path is looked up when the call is made. */
interface Call {
  route: string;
  path?: () => string;
  as?: "app" | "installation" | "user" | "client" | "nobody";
  /** A body, or how to make it when the call is made. */
  body?: unknown;
  status?: number;
}

let github: GitHub;
let receiver: Server;
let repository: RepositoryRecord;
let description: GitHubApiDescription;
const called = new Set<string>();
const ids = { app: "", deployment: 0, status: 0, run: 0, hook: 0, hookDelivery: "", appDelivery: "" };

const REPOSITORY = "/repos/{owner}/{repo}";
const deployment = { ref: "main", auto_merge: false, required_contexts: [], environment: "production" };
const calls: Call[] = [
  { route: "GET /app", as: "app" },
  { route: "GET /app/installations", as: "app" },
  {
    route: "GET /app/installations/{id}",
    path: () => `/app/installations/${repository.installation_id}`,
    as: "app",
  },
  { route: `GET ${REPOSITORY}/installation`, path: () => "/repos/acme/site/installation", as: "app" },
  { route: "GET /orgs/{org}/installation", path: () => "/orgs/acme/installation", as: "app" },
  { route: "GET /users/{org}/installation", path: () => "/users/acme/installation", as: "app" },
  {
    route: "POST /app/installations/{id}/access_tokens",
    path: () => `/app/installations/${repository.installation_id}/access_tokens`,
    as: "app",
    body: { repositories: ["site"], permissions: { deployments: "write" } },
    status: 201,
  },
  { route: "GET /app/hook/config", as: "app" },
  { route: "PATCH /app/hook/config", as: "app", body: { content_type: "json", insecure_ssl: "0" } },
  { route: "GET /app/hook/deliveries", as: "app" },
  {
    route: "GET /app/hook/deliveries/{delivery_id}",
    path: () => `/app/hook/deliveries/${ids.appDelivery}`,
    as: "app",
  },
  {
    route: "POST /app/hook/deliveries/{delivery_id}/attempts",
    path: () => `/app/hook/deliveries/${ids.appDelivery}/attempts`,
    as: "app",
    status: 202,
  },
  { route: "GET /installation/repositories" },
  { route: `GET ${REPOSITORY}`, path: () => "/repos/acme/site" },
  { route: `GET ${REPOSITORY}`, path: () => "/repos/acme/site", as: "user" },
  {
    route: `GET ${REPOSITORY}/collaborators/{username}/permission`,
    path: () => "/repos/acme/site/collaborators/octocat/permission",
  },
  {
    route: `GET ${REPOSITORY}/git/matching-refs/{ref}`,
    path: () => "/repos/acme/site/git/matching-refs/heads%2Fmain",
  },
  {
    route: `GET ${REPOSITORY}/environments/{environment_name}`,
    path: () => {
      github.protect("acme/site", "production", [
        "required_reviewers",
        "wait_timer",
        "branch_policy",
        "custom",
      ]);
      return "/repos/acme/site/environments/production";
    },
  },
  {
    route: `GET ${REPOSITORY}/environments/{environment_name}/deployment_protection_rules`,
    path: () => "/repos/acme/site/environments/production/deployment_protection_rules",
  },
  {
    route: `GET ${REPOSITORY}/git/tags/{tag_sha}`,
    path: () => {
      const [object, commit] = ["e".repeat(40), "f".repeat(40)];
      repository.tags.set("v1.0.0", object);
      repository.tagObjects.set(object, commit);
      return `/repos/acme/site/git/tags/${object}`;
    },
  },
  {
    route: `GET ${REPOSITORY}/compare/{basehead}`,
    path: () => {
      const [base, head] = repository.pushed.get("main") ?? [];
      return `/repos/acme/site/compare/${base}...${head}`;
    },
  },
  { route: `GET ${REPOSITORY}/hooks`, path: () => "/repos/acme/site/hooks" },
  {
    route: `POST ${REPOSITORY}/hooks`,
    path: () => "/repos/acme/site/hooks",
    body: {
      events: ["workflow_run"],
      config: { url: "http://127.0.0.1:1/", content_type: "json", secret: "s" },
    },
    status: 201,
  },
  { route: `GET ${REPOSITORY}/hooks/{hook_id}`, path: () => `/repos/acme/site/hooks/${ids.hook}` },
  {
    route: `PATCH ${REPOSITORY}/hooks/{hook_id}`,
    path: () => `/repos/acme/site/hooks/${ids.hook}`,
    body: { active: true, add_events: ["deployment"] },
  },
  {
    route: `POST ${REPOSITORY}/hooks/{hook_id}/pings`,
    path: () => `/repos/acme/site/hooks/${ids.hook}/pings`,
    status: 204,
  },
  {
    route: `GET ${REPOSITORY}/hooks/{hook_id}/config`,
    path: () => `/repos/acme/site/hooks/${ids.hook}/config`,
  },
  {
    route: `PATCH ${REPOSITORY}/hooks/{hook_id}/config`,
    path: () => `/repos/acme/site/hooks/${ids.hook}/config`,
    body: { secret: "another" },
  },
  {
    route: `GET ${REPOSITORY}/hooks/{hook_id}/deliveries`,
    path: () => `/repos/acme/site/hooks/${ids.hook}/deliveries`,
  },
  {
    route: `GET ${REPOSITORY}/hooks/{hook_id}/deliveries/{delivery_id}`,
    path: () => `/repos/acme/site/hooks/${ids.hook}/deliveries/${ids.hookDelivery}`,
  },
  {
    route: `POST ${REPOSITORY}/hooks/{hook_id}/deliveries/{delivery_id}/attempts`,
    path: () => `/repos/acme/site/hooks/${ids.hook}/deliveries/${ids.hookDelivery}/attempts`,
    status: 202,
  },
  {
    route: `DELETE ${REPOSITORY}/hooks/{hook_id}`,
    path: () => `/repos/acme/site/hooks/${ids.hook}`,
    status: 204,
  },
  { route: `GET ${REPOSITORY}/actions/runs`, path: () => "/repos/acme/site/actions/runs?status=completed" },
  {
    route: `GET ${REPOSITORY}/actions/workflows/{workflow_id}/runs`,
    path: () => "/repos/acme/site/actions/workflows/ci.yml/runs",
  },
  {
    route: `GET ${REPOSITORY}/actions/runs/{run_id}`,
    path: () => `/repos/acme/site/actions/runs/${ids.run}`,
  },
  {
    route: `GET ${REPOSITORY}/actions/runs/{run_id}/attempts/{attempt}`,
    path: () => `/repos/acme/site/actions/runs/${ids.run}/attempts/2`,
  },
  { route: `GET ${REPOSITORY}/deployments`, path: () => "/repos/acme/site/deployments" },
  {
    route: `POST ${REPOSITORY}/deployments`,
    path: () => "/repos/acme/site/deployments",
    body: deployment,
    status: 201,
  },
  {
    route: `POST ${REPOSITORY}/deployments`,
    path: () => "/repos/acme/site/deployments",
    body: { ref: "main" },
    status: 409,
  },
  {
    route: `POST ${REPOSITORY}/deployments`,
    path: () => "/repos/acme/site/deployments",
    body: { ...deployment, ref: "" },
    status: 422,
  },
  {
    route: `GET ${REPOSITORY}/deployments/{deployment_id}`,
    path: () => `/repos/acme/site/deployments/${ids.deployment}`,
  },
  {
    route: `GET ${REPOSITORY}/deployments/{deployment_id}/statuses`,
    path: () => `/repos/acme/site/deployments/${ids.deployment}/statuses`,
  },
  {
    route: `GET ${REPOSITORY}/deployments/{deployment_id}/statuses/{status_id}`,
    path: () => `/repos/acme/site/deployments/${ids.deployment}/statuses/${ids.status}`,
  },
  {
    route: `POST ${REPOSITORY}/deployments/{deployment_id}/statuses`,
    path: () => `/repos/acme/site/deployments/${ids.deployment}/statuses`,
    body: { state: "success", log_url: "https://example.com/log", environment_url: "https://example.com" },
    status: 201,
  },
  {
    route: `POST ${REPOSITORY}/deployments/{deployment_id}/statuses`,
    path: () => `/repos/acme/site/deployments/${ids.deployment}/statuses`,
    body: { state: "splendid" },
    status: 422,
  },
  { route: `GET ${REPOSITORY}/issues`, path: () => "/repos/acme/site/issues" },
  {
    route: `POST ${REPOSITORY}/issues`,
    path: () => "/repos/acme/site/issues",
    body: { title: "The backup took over", body: "…", labels: ["twinhook"] },
    status: 201,
  },
  { route: `GET ${REPOSITORY}/issues/{issue_number}`, path: () => "/repos/acme/site/issues/1" },
  {
    route: `PATCH ${REPOSITORY}/issues/{issue_number}`,
    path: () => "/repos/acme/site/issues/1",
    body: { state: "closed", state_reason: "completed" },
  },
  {
    route: `GET ${REPOSITORY}/issues/{issue_number}/comments`,
    path: () => "/repos/acme/site/issues/1/comments",
  },
  {
    route: `POST ${REPOSITORY}/issues/{issue_number}/comments`,
    path: () => "/repos/acme/site/issues/1/comments",
    body: { body: "It is back." },
    status: 201,
  },
  {
    route: "POST /app-manifests/{code}/conversions",
    path: () => `/app-manifests/${github.manifestCode({})}/conversions`,
    as: "nobody",
    status: 201,
  },
  { route: "GET /user", as: "user" },
  {
    route: "DELETE /applications/{client_id}/token",
    path: () => `/applications/${github.app.clientId}/token`,
    as: "client",
    body: () => ({ access_token: github.userToken("octocat") }),
    status: 204,
  },
];

beforeAll(async () => {
  description = new GitHubApiDescription();
  receiver = createServer((request, response) => request.resume().on("end", () => response.end("ok")));
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const hookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  github = await startGitHub({ hookUrl });
  repository = github.addRepository("acme/site");

  // Something of everything, so that no list is empty and no field null for want of content.
  const first = github.completeRun({ repository: "acme/site" });
  await github.completeRun({ repository: "acme/site", runId: first.run.id }).done;
  const hook = await ask("POST", "/repos/acme/site/hooks", "installation", { config: { url: hookUrl } });
  const made = await ask("POST", "/repos/acme/site/deployments", "installation", deployment);
  const statuses = `/repos/acme/site/deployments/${made.json.id}/statuses`;
  const status = await ask("POST", statuses, "installation", {
    state: "queued",
    log_url: "https://example.com/log",
    environment_url: "https://example.com",
  });
  await ask("POST", "/repos/acme/site/issues", "installation", { title: "An issue" });
  await ask("POST", "/repos/acme/site/issues/1/comments", "installation", { body: "A comment" });
  const hookDelivery = await github.waitFor(() => github.deliveries.find((one) => one.event === "ping"));
  Object.assign(ids, {
    run: first.run.id,
    hook: hook.json.id,
    deployment: made.json.id,
    status: status.json.id,
    hookDelivery: String(hookDelivery.id),
    appDelivery: String((await first.delivery).id),
  });
});

afterAll(async () => {
  await github?.close();
  await new Promise((resolve) => receiver?.close(resolve));
});

describe("what the simulated GitHub answers is what GitHub documents", () => {
  for (const { route, path, as = "installation", body, status = 200 } of calls)
    test(`${route} answers ${status} to ${as === "nobody" ? as : `the ${as}`}`, async () => {
      const [method = "", template = ""] = route.split(" ");
      called.add(route);
      const answer = await ask(method, path?.() ?? template, as, body instanceof Function ? body() : body);
      expect(answer.status, answer.text).toBe(status);
      expect(answer.headers.get("date")).toBeTruthy();
      expect(answer.headers.get("x-github-request-id")).toBeTruthy();
      expect(answer.headers.get("x-ratelimit-remaining")).toMatch(/^\d+$/);
      const validate = description.validator(method, template, status);
      if (!validate) {
        // Errors have a body even where the description leaves it out.
        if (status < 400) expect(answer.text).toBe("");
        return;
      }
      const problems = validate(answer.json) ? [] : validate.errors;
      expect(problems).toEqual([]);
      if (Array.isArray(answer.json)) expect(answer.json).not.toHaveLength(0);
    });

  test("every documented route of the simulated GitHub was called above", () => {
    const routes = ROUTES.filter(({ method, path }) => description.has(method, path));
    expect(
      routes.map(({ method, path }) => `${method} ${path}`).filter((route) => !called.has(route)),
    ).toEqual([]);
    const undocumented = ROUTES.filter(({ method, path }) => !description.has(method, path)).map(
      ({ path }) => path,
    );
    // Pages for browsers and runners, which the API's description leaves out.
    expect(
      undocumented.filter((path) => !/^\/(_services|\.well-known|login|settings|organizations)\//.test(path)),
      "a route of the API that is not pinned yet: `npm run pin:github-api`",
    ).toEqual([]);
  });

  test("an answer that lacks a required field is noticed", () => {
    const validate = description.validator("GET", "/app", 200);
    expect(validate?.({ id: 1 })).toBe(false);
    expect(validate?.errors?.map(({ message }) => message)).toContain("must have required property 'owner'");
  });
});

async function ask(method: string, path: string, as: Call["as"], body?: unknown) {
  const { app } = github;
  const authorization: Record<string, string> = {};
  if (as === "app") authorization.authorization = `Bearer ${appJwt(app)}`;
  if (as === "installation") authorization.authorization = `token ${await installationToken()}`;
  if (as === "user") authorization.authorization = `token ${github.userToken("octocat")}`;
  const client = Buffer.from(`${app.clientId}:${app.clientSecret}`).toString("base64");
  if (as === "client") authorization.authorization = `Basic ${client}`;
  const response = await fetch(github.url + path, {
    method,
    headers: { ...authorization, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: text === "" ? null : JSON.parse(text),
  };
}

async function installationToken(): Promise<string> {
  const path = `/app/installations/${repository.installation_id}/access_tokens`;
  const { json } = await ask("POST", path, "app");
  return json.token;
}
