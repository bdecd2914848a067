import { Octokit } from "@octokit/rest";
import { Probot } from "probot";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startReceiver } from "../receiver.ts";
import { type GitHub, startGitHub } from "../simulator.ts";

const at = { owner: "acme", repo: "site" };
// Some tests provoke refusals, and Octokit would print each.
const silent = { debug() {}, info() {}, warn() {}, error() {} };
let github: GitHub;
beforeEach(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
});
afterEach(() => github.close());

function octokit(permissions: Record<string, "read" | "write">) {
  return new Octokit({
    baseUrl: github.url,
    auth: github.githubToken("acme/site", permissions),
    log: silent,
  });
}

async function installation() {
  const { id, privateKey } = github.app;
  const probot = new Probot({ appId: id, privateKey, baseUrl: `${github.url}/api/v3`, logLevel: "fatal" });
  const { installation_id } = github.repository("acme/site");
  return { app: await probot.auth(), installation: await probot.auth(installation_id ?? 0) };
}

describe("Probot as a client", () => {
  test("reads the App, moves the hook and reports a deployment", async () => {
    const { app, installation: client } = await installation();
    expect((await app.request("GET /app")).data?.slug).toBe(github.app.slug);
    const receiver = await startReceiver();
    const data = { url: receiver.url, content_type: "json", secret: github.app.webhookSecret };
    await app.request("PATCH /app/hook/config", { data });
    expect(github.hook.config.url).toBe(receiver.url);

    const { run, delivery } = github.completeRun({ repository: "acme/site" });
    const { id } = await delivery;
    const { data: listed } = await app.request("GET /app/hook/deliveries");
    // @octokit/request parses such ids as bigints.
    expect(listed.map((one) => BigInt(one.id))).toEqual([id]);
    const options = { ref: run.head_sha, auto_merge: false, required_contexts: [], task: "twinhook" };
    const { data: made } = await client.rest.repos.createDeployment({ ...at, ...options });
    const deployment_id = (made as { id: number }).id;
    const seen = github.waitFor(() =>
      github.statuses("acme/site").find(({ state }) => state === "in_progress"),
    );
    await client.rest.repos.createDeploymentStatus({ ...at, deployment_id, state: "in_progress" });
    expect((await seen).deployment_id).toBe(deployment_id);
    expect(github.deployments("acme/site")[0]).toMatchObject({
      by: "app",
      sha: run.head_sha,
      task: "twinhook",
    });
    await receiver.close();
  });

  test("puts its clock right by the Date header when GitHub's is ahead", async () => {
    github.clock.advance(2 * 3_600_000);
    const { app } = await installation();
    expect((await app.request("GET /app")).status).toBe(200);
  });

  test("pages through workflow runs", async () => {
    const { installation: client } = await installation();
    for (let i = 0; i < 5; i++) github.completeRun({ repository: "acme/site", send: false });
    const options = { ...at, per_page: 2 };
    const runs = await client.paginate(client.rest.actions.listWorkflowRunsForRepo, options);
    expect(runs.map(({ id }) => id)).toEqual([4, 3, 2, 1, 0].map((i) => 30_433_642 + i * 58));
  });
});

describe("workflow runs", () => {
  test("are found by status, branch, commit and time", async () => {
    const client = octokit({ actions: "read" });
    const day = (date: number) => Date.UTC(2026, 2, date);
    const good = github.completeRun({ repository: "acme/site", send: false, startedAt: day(1) }).run;
    const bad = { conclusion: "failure", branch: "topic", startedAt: day(3), send: false };
    const failed = github.completeRun({ repository: "acme/site", ...bad }).run;
    const found = async (query: {
      status?: "success" | "completed";
      branch?: string;
      created?: string;
      head_sha?: string;
    }) =>
      (await client.rest.actions.listWorkflowRunsForRepo({ ...at, ...query })).data.workflow_runs.map(
        ({ id }) => id,
      );
    expect(await found({ status: "success" })).toEqual([good.id]);
    expect(await found({ status: "completed" })).toEqual([failed.id, good.id]);
    expect(await found({ branch: "topic" })).toEqual([failed.id]);
    expect(await found({ head_sha: good.head_sha })).toEqual([good.id]);
    expect(await found({ created: ">=2026-03-02" })).toEqual([failed.id]);
    expect(await found({ created: "2026-03-01T00:00:00Z..2026-03-02" })).toEqual([good.id]);
    expect(await found({ created: ">2026-03-03" })).toEqual([]);
  });

  test("go from requested to completed as one attempt, and are re-run as the next", async () => {
    const client = octokit({ actions: "read" });
    const requested = github.completeRun({ repository: "acme/site", action: "requested", branch: "topic" });
    const run_id = requested.run.id;
    const completed = github.completeRun({ repository: "acme/site", runId: run_id, conclusion: "failure" });
    expect(completed.run).toMatchObject({
      id: run_id,
      run_attempt: 1,
      head_branch: "topic",
      status: "completed",
    });
    github.clock.advance(60_000);
    const rerun = github.completeRun({ repository: "acme/site", runId: run_id });
    expect(rerun.run).toMatchObject({
      run_attempt: 2,
      head_sha: requested.run.head_sha,
      conclusion: "success",
    });
    const between = Date.parse(rerun.run.run_started_at) - Date.parse(completed.run.run_started_at);
    // GitHub tells whole seconds, and real time passes as well.
    expect(between).toBeGreaterThanOrEqual(60_000);
    expect(rerun.run.created_at).toBe(requested.run.created_at);
    const attempt = { ...at, run_id, attempt_number: 1 };
    expect((await client.rest.actions.getWorkflowRunAttempt(attempt)).data.conclusion).toBe("failure");
    expect((await client.rest.actions.getWorkflowRun({ ...at, run_id })).data.run_attempt).toBe(2);
  });
});

describe("GitHub Deployments", () => {
  const plain = { ...at, ref: "main", auto_merge: false, required_contexts: [] as string[] };

  test("conflict when auto_merge or required_contexts are left at their defaults", async () => {
    const client = octokit({ deployments: "write" });
    await expect(
      client.rest.repos.createDeployment({ ...at, ref: "main", required_contexts: [] }),
    ).rejects.toMatchObject({ status: 409 });
    await expect(
      client.rest.repos.createDeployment({ ...at, ref: "main", auto_merge: false }),
    ).rejects.toMatchObject({
      status: 409,
    });
    expect(github.deployments("acme/site")).toEqual([]);
  });

  test("made with a GITHUB_TOKEN send the deployment event with the job's run", async () => {
    const receiver = await startReceiver();
    github.hook.config.url = receiver.url;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const auth = github.githubToken("acme/site", { deployments: "write" }, run.id);
    const client = new Octokit({ baseUrl: github.url, auth, log: silent });
    await client.rest.repos.createDeployment({ ...plain, task: "twinhook", payload: { run_id: run.id } });
    const record = await github.waitFor(() => github.deliveries.find(({ event }) => event === "deployment"));
    expect(record.request.payload).toMatchObject({
      action: "created",
      deployment: {
        task: "twinhook",
        payload: { run_id: run.id },
        creator: { login: "github-actions[bot]" },
      },
      workflow_run: { id: run.id },
      installation: { id: github.repository("acme/site").installation_id },
    });
    await receiver.close();
  });

  test("made with a GITHUB_TOKEN may be kept from the App, since nobody knows what GitHub does", async () => {
    github.settings.deploymentEvents = [];
    const client = octokit({ deployments: "write" });
    await client.rest.repos.createDeployment(plain);
    expect(github.deliveriesInFlight).toBe(0);
    expect(github.deliveries).toEqual([]);
  });

  test("are found by sha, ref, task and environment, the newest first", async () => {
    const client = octokit({ deployments: "write" });
    await client.rest.repos.createDeployment({ ...plain, task: "twinhook", environment: "staging" });
    await client.rest.repos.createDeployment({ ...plain, task: "twinhook" });
    await client.rest.repos.createDeployment(plain);
    const found = async (query: { task?: string; environment?: string; sha?: string; ref?: string }) =>
      (await client.rest.repos.listDeployments({ ...at, ...query })).data.map(({ environment, task }) => [
        task,
        environment,
      ]);
    expect(await found({ task: "twinhook" })).toEqual([
      ["twinhook", "production"],
      ["twinhook", "staging"],
    ]);
    expect(await found({ environment: "production", task: "deploy" })).toEqual([["deploy", "production"]]);
    expect(await found({ ref: "other" })).toEqual([]);
    expect(await found({ sha: github.deployments("acme/site")[0]?.sha ?? "" })).toHaveLength(3);
  });

  test("take statuses of known states with at most 140 characters of description", async () => {
    const client = octokit({ deployments: "write" });
    const { data } = await client.rest.repos.createDeployment(plain);
    const one = { ...at, deployment_id: (data as { id: number }).id };
    const post = (description: string) =>
      client.rest.repos.createDeploymentStatus({ ...one, state: "success", description });
    await expect(post("x".repeat(141))).rejects.toMatchObject({ status: 422 });
    expect((await post("x".repeat(140))).status).toBe(201);
    const bad = client.request("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", {
      ...one,
      state: "splendid" as "success",
    });
    await expect(bad).rejects.toMatchObject({ status: 422 });
    expect(github.statuses("acme/site")).toHaveLength(1);
  });

  test("become inactive when a later one of the same environment succeeds, unless told otherwise", async () => {
    const client = octokit({ deployments: "write" });
    const deploy = async (more: { auto_inactive?: boolean } = {}) => {
      const { data } = await client.rest.repos.createDeployment({ ...plain, environment: "staging" });
      const deployment_id = (data as { id: number }).id;
      await client.rest.repos.createDeploymentStatus({ ...at, deployment_id, state: "success", ...more });
      return github.deployments("acme/site").map(({ statuses }) => statuses.at(-1)?.state);
    };
    await deploy();
    expect(await deploy({ auto_inactive: false })).toEqual(["success", "success"]);
    expect(await deploy()).toEqual(["inactive", "inactive", "success"]);
  });
});

describe("issues", () => {
  test("are opened, commented on and closed", async () => {
    const client = octokit({ issues: "write" });
    const { data } = await client.rest.issues.create({
      ...at,
      title: "Both twins are down",
      labels: ["twinhook"],
    });
    const issue = { ...at, issue_number: data.number };
    await client.rest.issues.createComment({ ...issue, body: "Back again." });
    await client.rest.issues.update({ ...issue, state: "closed" });
    expect((await client.rest.issues.listForRepo({ ...at, labels: "twinhook" })).data).toEqual([]);
    expect(github.repository("acme/site").issues).toMatchObject([
      { state: "closed", comments: [{ body: "Back again." }] },
    ]);
  });
});
