import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { githubApp } from "../../../app/github/app.ts";
import { classifyGitHubError } from "../../../app/github/github-error.ts";
import { TestHost } from "../../helpers/test-host.ts";
import type { FaultKind } from "../../simulator/faults.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const DEPLOY = ".github/workflows/deploy.yml";
const SHA = "a".repeat(40);
let github: GitHub;
let host: TestHost;
let runId = 50_000_000;

beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
  const targets = [{ action: { workflows: [DEPLOY] } }];
  host = await TestHost.create({ github, instances: ["primary"], targets });
  await host.startInProcess("primary");
});
afterAll(async () => {
  await host.close();
  await github.close();
});
beforeEach(() => github.faults.clear());

/** A job asks for the run that started it, which the App must read at GitHub. */
async function ask(fault: FaultKind): Promise<{ status: number; retryAfter: string | null; detail: string }> {
  const { run } = github.completeRun({ repository: "acme/site", send: false, sha: SHA });
  const via = { run_id: ++runId, run_attempt: 1 };
  const claims = { aud: "twinhook", workflow: DEPLOY, event_name: "workflow_run", ...via };
  github.faults.add(fault, { route: "GET /repos/acme/site/actions/runs/*" });
  const response = await fetch(host.url("primary", "/api/deployments"), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${github.oidc.token({ ...claims, ref: "refs/heads/main", sha: SHA })}`,
    },
    body: JSON.stringify({
      ...{ repository: "acme/site", environment: "production", run_id: run.id, run_attempt: 1, via },
      ...{ sha: SHA, ref: "refs/heads/main", workflow: DEPLOY },
    }),
  });
  const { detail } = (await response.json()) as { detail: string };
  return { status: response.status, retryAfter: response.headers.get("retry-after"), detail };
}

describe("a job whose run has to be read at GitHub", () => {
  it("is asked to come again in a minute when GitHub's limit names no time", async () => {
    const answer = await ask({ kind: "secondary-rate-limit", retryAfterS: "unsaid" });
    expect(answer).toMatchObject({ status: 503, retryAfter: "60" });
  });

  it.each([401, 403, 404])(
    "is asked to come again when a proxy answers %i in GitHub's place",
    async (status) => {
      expect(await ask({ kind: "page", status })).toMatchObject({ status: 503, retryAfter: "5" });
    },
  );

  it("is asked to come again when GitHub does not accept this instance's key", async () => {
    const answer = await ask({ kind: "status", status: 401, message: "Bad credentials" });
    expect(answer).toMatchObject({ status: 503, detail: expect.stringContaining("PRIVATE_KEY") });
  });

  it("is refused when the installation is suspended, in words of its own", async () => {
    const answer = await ask({
      ...{ kind: "status" as const, status: 403 },
      message: "This installation has been suspended",
    });
    expect(answer).toMatchObject({ status: 403, detail: expect.stringContaining("end the suspension") });
    expect(answer.detail).not.toContain("install the App");
  });

  it("is refused when the App lacks the permission", async () => {
    const answer = await ask({
      ...{ kind: "status" as const, status: 403 },
      message: "Resource not accessible by integration",
    });
    expect(answer).toMatchObject({ status: 403, detail: expect.stringContaining("Actions: read") });
  });
});

it("a 429 without the words of a limit is not repeated before its Retry-After", async () => {
  const environment = readEnvironment(host.env).environment;
  const app = await githubApp(environment, "a secret of webhooks", pino({ level: "silent" }));
  const octokit = await app.auth();
  const headers = { "retry-after": "20" };
  const fault = github.faults.add(
    { kind: "status", status: 429, message: "slow down", headers },
    { route: "GET /app" },
  );
  const error: unknown = await octokit.request("GET /app").catch((reason: unknown) => reason);
  expect(fault.hits).toBe(1);
  expect(classifyGitHubError(error, Date.now())).toEqual({ kind: "rate_limited", delayMs: 20_000 });
});
