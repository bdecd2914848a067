import { describe, expect, test } from "vitest";
import { wasSigned } from "../../../shared/delivery-signature.ts";
import type { DeploymentRequestPayload } from "../../../shared/deployment-request.ts";
import { writeElsewhere, writeRefusal } from "../../../shared/github-status.ts";
import { canonicalJson } from "../../../shared/json-text.ts";
import { jobAt, leftAt, MAY_DEPLOY, writeAsApp } from "../../helpers/action/github-job.ts";
import { RUNNER_ENV, runAction, startAction } from "../../helpers/action/run-action.ts";
import {
  answers,
  DeploymentStore,
  refusingUrl,
  resets,
  ScriptedEndpoint,
  type Step,
  TEST_SECRET,
  works,
} from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const keep = closeAtEnd();

async function endpoint(steps: readonly Step[], store = new DeploymentStore()) {
  return keep(await ScriptedEndpoint.start(steps, { store }));
}

/** A GitHub with the repository, and inputs that end quickly once every endpoint has failed. */
async function scene(permissions = MAY_DEPLOY) {
  const github = keep(await startGitHub());
  github.addRepository("acme/site");
  const job = jobAt(github, permissions);
  const inputs = (urls: readonly string[], more: Record<string, string> = {}) =>
    stepInputs(urls, {
      "max-attempts": "2",
      timeout: "60s",
      ...job.inputs,
      ...more,
    });
  return { github, inputs, env: job.env };
}

/** Makes the GitHub Deployment by which the App shows a deployment of ours; returns its id. */
async function shownBy(github: GitHub, id: string, run_attempt = REQUEST.run_attempt): Promise<number> {
  const { run_id, sha } = REQUEST;
  const response = await fetch(`${github.url}/repos/acme/site/deployments`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${github.githubToken("acme/site", MAY_DEPLOY)}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      ref: sha,
      task: "twinhook",
      auto_merge: false,
      required_contexts: [],
      payload: { twinhook: { id, target: "production", run_id, run_attempt } },
    }),
  });
  return ((await response.json()) as { id: number }).id;
}

const MINUTE_MS = 60_000;
const LOG_URL = "https://deploy.example.com/deployments/dep_7";

describe.concurrent("when no endpoint takes the request", () => {
  test("it is left at GitHub, and the step is green once an instance shows there that it has started", async () => {
    const { github, inputs, env } = await scene();
    const step = await startAction(inputs([refusingUrl()], { target: "web" }), env);
    const id = await leftAt(github);
    const [left] = github.deployments("acme/site");
    expect(left).toMatchObject({ sha: REQUEST.sha, task: "twinhook", environment: "production" });
    const { twinhook, proof } = (left?.payload ?? {}) as DeploymentRequestPayload;
    expect(twinhook).toEqual({ ...REQUEST, target: "web" });
    expect(wasSigned(TEST_SECRET, canonicalJson(twinhook), proof ?? {}, github.clock.now())).toBe(true);

    await writeAsApp(github, id, "queued", { logUrl: LOG_URL });
    await writeAsApp(github, id, "running", { logUrl: LOG_URL });
    const result = await step.result;
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: {
        route: "github",
        endpoint: github.url,
        status: "running",
        verified: "true",
        "failed-over": "true",
        "deployment-id": "dep_7",
        url: LOG_URL,
      },
    });
    expect(result.summary).toMatch(/\*\*Delivered:\*\* yes, left at GitHub [\s\S]*\*\*Confirmed:\*\* yes/);
    expect(result.stdout.match(/^::notice /gm)).toHaveLength(1);
    expect(github.requests.some(({ method, path }) => method === "POST" && path.endsWith("/merges"))).toBe(
      false,
    );
  });

  test("a step of the same run with another payload leaves its own request", async () => {
    const { github, inputs, env } = await scene();
    const given = (service: string) =>
      inputs([refusingUrl()], {
        "wait-for": "accepted",
        timeout: "8s",
        payload: `{ "service": "${service}" }`,
      });
    await runAction(given("api"), env);
    await runAction(given("web"), env);
    const left = github
      .deployments("acme/site")
      .map(({ payload }) => (payload as DeploymentRequestPayload).twinhook);
    expect(left.map(({ payload_text }) => payload_text).sort()).toEqual([
      '{ "service": "api" }',
      '{ "service": "web" }',
    ]);
  });

  test("it is left at GitHub rather than to wait for an endpoint beyond half the time limit", async () => {
    const { github, inputs, env } = await scene();
    const busy = await endpoint([answers(503, undefined, { "retry-after": "40" })]);
    const step = await startAction(inputs([busy.url], { "max-delay": "1h" }), env);
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    expect(await step.result).toMatchObject({ exitCode: 0, outputs: { route: "github" } });
  });

  test("an endpoint that is back in the time that was kept for GitHub is asked again where GitHub refuses", async () => {
    const { inputs, env } = await scene({ contents: "read" });
    const busy = await endpoint([answers(503, undefined, { "retry-after": "5" }), works]);
    const result = await runAction(inputs([busy.url], { timeout: "9s", "wait-for": "accepted" }), env);
    expect(result).toMatchObject({ exitCode: 0, outputs: { route: "primary", verified: "true" } });
  });

  test("leaving it there alone confirms nothing, not even that it was accepted", async () => {
    const { github, inputs, env } = await scene();
    const given = inputs([refusingUrl()], { "wait-for": "accepted", timeout: "8s" });
    const result = await runAction(given, env);
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { route: "github", status: "", verified: "false" },
    });
    expect(github.deployments("acme/site")).toHaveLength(1);
    expect(result.summary).toContain("not yet found by an instance");
    expect(result.summary).toMatch(/\*\*Delivered:\*\* not yet: left at GitHub/);
  });

  test("an instance that is back tells exit code and log of a deployment that was left at GitHub", async () => {
    const { github, inputs, env } = await scene();
    const store = new DeploymentStore();
    store.script = ["failed"];
    store.override = { exit_code: 3, log_tail: "no space left" };
    const back = await endpoint([resets, resets, works], store);
    const step = await startAction(inputs([back.url], { "wait-for": "succeeded" }), env);
    const id = await leftAt(github);
    const { id: accepted } = store.accept(REQUEST, "primary");
    await writeAsApp(github, id, "failed", {
      detail: "exit code 3",
      logUrl: `https://deploy.example.com/deployments/${accepted}`,
    });
    const result = await step.result;
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: "failed", "deployment-id": accepted } });
    expect(result.summary).toContain("failed with exit code 3");
    expect(result.summary).toContain("no space left");
  });

  test.each([
    ["superseded", 0, "was superseded by a newer one"],
    ["cancelled", 1, "was cancelled on the server"],
    ["failed", 1, "failed"],
  ] as const)(
    "a deployment that GitHub shows as %s ends the step with %i",
    async (status, exitCode, words) => {
      const { github, inputs, env } = await scene();
      const step = await startAction(inputs([refusingUrl()], { "wait-for": "succeeded" }), env);
      await writeAsApp(github, await leftAt(github), status, { logUrl: LOG_URL });
      const result = await step.result;
      expect(result).toMatchObject({ exitCode, outputs: { status, verified: "false", route: "github" } });
      expect(result.summary).toContain(words);
    },
  );

  test("what the App refuses is red with the App's reason", async () => {
    const { github, inputs, env } = await scene();
    const step = await startAction(inputs([refusingUrl()]), env);
    await writeAsApp(github, await leftAt(github), writeRefusal("no target <is> configured"));
    const result = await step.result;
    expect(result).toMatchObject({ exitCode: 1, outputs: { verified: "false" } });
    expect(result.summary).toContain("no target &#60;is&#62; configured");
    expect(result.summary).toContain("no endpoint took it, and the App refused what was left at GitHub");
    expect(result.summary).toMatch(/\*\*Delivered:\*\* no\. It was left at GitHub/);
  });

  test("the statuses are read where the App shows the deployment already", async () => {
    const { github, inputs, env } = await scene();
    const step = await startAction(inputs([refusingUrl()]), env);
    const id = await leftAt(github);
    const shown = await shownBy(github, "dep_7");
    await writeAsApp(github, shown, "running", { logUrl: LOG_URL });
    await writeAsApp(github, id, writeElsewhere(String(shown), "dep_7"));
    const result = await step.result;
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: "running", "deployment-id": "dep_7" } });
  });

  test("a status that GitHub adds by itself says nothing", async () => {
    const { github, inputs, env } = await scene();
    const step = await startAction(inputs([refusingUrl()], { "wait-for": "succeeded" }), env);
    const id = await leftAt(github);
    await writeAsApp(github, id, "succeeded", { logUrl: LOG_URL });
    await writeAsApp(github, id, { state: "inactive", description: "" });
    expect(await step.result).toMatchObject({ exitCode: 0, outputs: { status: "succeeded" } });
  });
});

describe.concurrent("cancelling the job while the request lies at GitHub", () => {
  test("says that it lies there, and that it will be found", async () => {
    const { github, inputs, env } = await scene();
    const step = await startAction(inputs([refusingUrl()]), env);
    await leftAt(github);
    await step.printed("the request lies there");
    step.kill("SIGTERM");
    const result = await step.result;
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { route: "github", status: "", verified: "false" },
    });
    expect(result.summary).toMatch(/The job was cancelled .* had already been left at GitHub .* and goes on/);
    expect(result.summary).toMatch(/\*\*Delivered:\*\* not yet[\s\S]*\*\*Confirmed:\*\* no/);
  });
});

describe.concurrent("GitHub's answers", () => {
  test("an answer that is lost leaves one GitHub Deployment all the same", async () => {
    const { github, inputs, env } = await scene();
    github.faults.add({ kind: "lost-answer" }, { route: "POST /repos/*/deployments", times: 1 });
    const step = await startAction(inputs([refusingUrl()], { "max-attempts": "3" }), env);
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    expect((await step.result).exitCode).toBe(0);
    expect(github.deployments("acme/site")).toHaveLength(1);
  });

  test("without the permission the step is red and names the lines to add", async () => {
    const { inputs, env } = await scene({ contents: "read" });
    const result = await runAction(inputs([refusingUrl()]), env);
    expect(result).toMatchObject({ exitCode: 1, outputs: { verified: "false", route: "" } });
    for (const text of [result.stdout, decoded(result.summary)])
      expect(text).toMatch(/permissions:\s+deployments: write\s+contents: read\b/);
    expect(result.stdout.match(/^::error /gm)).toHaveLength(1);
    expect(result.summary).toContain("every endpoint failed in every round");
    expect(result.summary).toContain("and it could not be left at GitHub");
  });

  test("a limit that names no time is told as a limit, and not as a missing permission", async () => {
    const { github, inputs, env } = await scene();
    github.faults.add({ kind: "secondary-rate-limit", retryAfterS: "unsaid" });
    const result = await runAction(inputs([refusingUrl()], { timeout: "30s" }), env);
    expect(result).toMatchObject({ exitCode: 1, outputs: { verified: "false" } });
    expect(result.summary).toContain("answered 403, the rate limit is used up");
    expect(decoded(result.summary)).not.toContain("deployments: write");
  });

  test("a suspension is told as one", async () => {
    const { github, inputs, env } = await scene();
    github.faults.add({ kind: "status", status: 403, message: "This installation has been suspended" });
    const result = await runAction(inputs([refusingUrl()]), env);
    expect(result.exitCode).toBe(1);
    expect(result.summary).toContain("End the suspension");
    expect(decoded(result.summary)).not.toContain("deployments: write");
  });

  test.each([403, 404])("a page that a proxy answers with %i once is asked past", async (status) => {
    const { github, inputs, env } = await scene();
    github.faults.add({ kind: "page", status }, { times: 1 });
    const step = await startAction(inputs([refusingUrl()]), env);
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    expect(await step.result).toMatchObject({ exitCode: 0, outputs: { route: "github" } });
  });

  test.each(["auto", "never"])(
    "under github-route: %s without a token, GitHub is not asked",
    async (route) => {
      const { github, inputs, env } = await scene();
      const given = inputs([refusingUrl()], { "github-route": route, "github-token": "" });
      const result = await runAction(given, env);
      expect(result.exitCode).toBe(1);
      expect(github.requests).toEqual([]);
      expect(decoded(result.summary)).toContain(
        route === "never" ? "GitHub was no route: `github-route` is `never`" : "`github-token` is empty",
      );
    },
  );

  test.each([
    ["hangs", { kind: "hang" }],
    ["answers 502", { kind: "status", status: 502 }],
    ["sends half an answer", { kind: "corrupt" }],
    ["has no requests left for this job", { kind: "rate-limit" }],
    ["says nothing", { kind: "reset" }],
    ["redirects", { kind: "status", status: 301, headers: { location: "/elsewhere" } }],
  ] as const)("a GitHub that %s makes the step red in time", async (_, fault) => {
    const { github, inputs, env } = await scene();
    github.faults.add(fault);
    const result = await runAction(inputs([refusingUrl()], { timeout: "3s" }), env);
    github.faults.clear();
    expect(result).toMatchObject({ exitCode: 1, outputs: { verified: "false" } });
    expect(result.summary).toMatch(/was not delivered|is not confirmed/);
    expect(result.stdout).not.toContain("undefined");
  });

  test("what the App itself refused is not left there to be refused once more", async () => {
    const { github, inputs, env } = await scene();
    const refusing = await endpoint([answers(404)]);
    const result = await runAction(inputs([refusing.url]), env);
    expect(result.exitCode).toBe(1);
    expect(github.requests).toEqual([]);
    const page = await endpoint([answers(404, "<html>not here</html>")]);
    const step = await startAction(inputs([page.url]), env);
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    expect((await step.result).exitCode).toBe(0);
  });
});

describe.concurrent("when every endpoint is gone after one has accepted", () => {
  test("the state is read from GitHub, where the App shows the deployment", async () => {
    const { github, inputs, env } = await scene();
    const primary = await endpoint([works, resets]);
    const step = await startAction(inputs([primary.url]), env);
    await primary.arrived(2);
    await shownBy(github, `dep_${REQUEST.run_id}_${REQUEST.run_attempt}`);
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    const result = await step.result;
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { route: "primary", verified: "true", status: "running" },
    });
    expect(result.summary).toContain("from GitHub");
    expect(github.deployments("acme/site")).toHaveLength(1);
  });

  test("what came of an earlier attempt is not taken for this one's end", async () => {
    const { github, inputs, env } = await scene();
    const shown = await shownBy(github, `dep_${REQUEST.run_id}_2`, 2);
    github.clock.advance(-MINUTE_MS);
    await writeAsApp(github, shown, "failed", { logUrl: LOG_URL });
    github.clock.advance(MINUTE_MS);
    const primary = await endpoint([works, resets]);
    const step = await startAction(inputs([primary.url]), { ...env, GITHUB_RUN_ATTEMPT: "2" });
    const path = `/repos/acme/site/deployments/${shown}/statuses`;
    await github.waitFor(() =>
      github.requests.some((asked) => asked.method === "GET" && asked.path === path),
    );
    await writeAsApp(github, shown, "running", { logUrl: LOG_URL });
    expect(await step.result).toMatchObject({ exitCode: 0, outputs: { status: "running" } });
  });
});

test("a GitHub Enterprise Server is asked at its own address", async () => {
  const { github, inputs, env } = await scene();
  const given = inputs([refusingUrl()]);
  const step = await startAction(given, { ...env, GITHUB_API_URL: `${github.url}/api/v3` });
  await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
  expect((await step.result).exitCode).toBe(0);
  expect(RUNNER_ENV).not.toHaveProperty("GITHUB_API_URL");
});

function decoded(summary: string): string {
  return summary.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}
