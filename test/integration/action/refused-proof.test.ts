import { describe, expect, onTestFinished, test } from "vitest";
import { jobAt, leftAt, writeAsApp } from "../../helpers/action/github-job.ts";
import { eventVariables, runAction, startAction } from "../../helpers/action/run-action.ts";
import { answers, ScriptedEndpoint } from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const keep = closeAtEnd();
const HEADLINE = "every endpoint refused the proof of identity (401)";
const LOG_URL = "https://deploy.example.com/deployments/dep_7";

/** Two instances that refuse every proof, and a GitHub at which a request could be left. */
async function scene(headers: Record<string, string> = {}) {
  const refuses = answers(401, { title: "Unauthorized", detail: "the signature is not valid" }, headers);
  const [primary, backup] = [
    keep(await ScriptedEndpoint.start([refuses])),
    keep(await ScriptedEndpoint.start([refuses])),
  ];
  const github = keep(await startGitHub());
  github.addRepository("acme/site");
  const job = jobAt(github);
  const inputs = () => stepInputs([primary.url, backup.url], { "request-timeout": "60s", ...job.inputs });
  return { github, inputs, env: job.env };
}

/** The variables of a job that a run which has succeeded has started. */
function startedByRun() {
  const run = { id: 99, run_attempt: 1, head_sha: "1".repeat(40), head_branch: "main" };
  return eventVariables("workflow_run", { workflow_run: run }, onTestFinished);
}

describe("a delivery secret that every instance refuses", () => {
  test("makes the step red at once, with that as its headline", async () => {
    const { github, inputs, env } = await scene();
    const step = await runAction(inputs(), env);
    expect(step).toMatchObject({ exitCode: 1, outputs: { attempts: "2", route: "", verified: "false" } });
    expect(step.summary.split("\n")[0]).toContain(HEADLINE);
    expect(step.stdout).toMatch(/^::error .*every endpoint refused the proof of identity \(401\)/m);
    expect(step.stdout).toContain("`action.secret_env`");
    expect(github.requests).toEqual([]);
  });

  test("is not needed where GitHub vouches for a run that has succeeded", async () => {
    const { github, inputs, env } = await scene();
    const step = await startAction(inputs(), { ...env, ...(await startedByRun()) });
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    expect(await step.result).toMatchObject({ exitCode: 0, outputs: { route: "github", verified: "true" } });
  });

  test("is judged by GitHub's clock where the instances' clocks are wrong", async () => {
    const { github, inputs, env } = await scene({ date: new Date(Date.now() - 600_000).toUTCString() });
    const step = await startAction(inputs(), env);
    await writeAsApp(github, await leftAt(github), "running", { logUrl: LOG_URL });
    expect(await step.result).toMatchObject({ exitCode: 0, outputs: { route: "github", verified: "true" } });
  });
});
