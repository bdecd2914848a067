import { describe, expect, it, onTestFinished } from "vitest";
import { jobAt, leftAt } from "../helpers/action/github-job.ts";
import { eventVariables, RUNNER_ENV, runAction, startAction } from "../helpers/action/run-action.ts";
import type { OidcClaims } from "../simulator/oidc.ts";
import { REPOSITORY, type Scene, setSceneWhileDown, setTwinSceneInProcess } from "./twins.ts";

/** Nothing but OIDC lets anyone ask. */
const action = { workflows: [".github/workflows/deploy.yml"] };

/** The variables of a job of the run that the runner's environment describes. */
function job({ github }: Pick<Scene, "github">, claims: OidcClaims = {}) {
  return github.jobEnvironment({
    repository: REPOSITORY,
    repository_id: github.repository(REPOSITORY).id,
    run_id: RUNNER_ENV.GITHUB_RUN_ID,
    sha: RUNNER_ENV.GITHUB_SHA,
    ...claims,
  });
}

const inputs = ({ host }: Scene, more: Record<string, string> = {}) => ({
  endpoints: Object.values(host.urls).join("\n"),
  environment: "production",
  timeout: "60s",
  "request-timeout": "10s",
  "base-delay": "10ms",
  "max-attempts": "2",
  ...more,
});

describe("the Action without a secret, against real twins", () => {
  it("delivers and confirms by the tokens of its job", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const step = await runAction(inputs(scene, { "wait-for": "succeeded" }), job(scene));
    expect(step.outputs).toMatchObject({ route: "primary", status: "succeeded", verified: "true" });
    expect(step.exitCode).toBe(0);
    expect(await scene.host.deployments("backup")).toMatchObject([
      { id: step.outputs["deployment-id"], source: "action", verified_at: expect.any(String) },
    ]);
  });

  it("asks for the run that started its workflow, whose own event it meets in one deployment", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const sent = scene.github.completeRun({ repository: REPOSITORY });
    const event = await eventVariables("workflow_run", sent.event, onTestFinished);
    const own = { run_id: "40000007", event_name: "workflow_run" };
    const [step] = await Promise.all([
      runAction(inputs(scene), { ...job(scene, own), ...event, GITHUB_RUN_ID: own.run_id }),
      sent.delivery,
    ]);
    expect(step.outputs).toMatchObject({ verified: "true" });
    expect(step.exitCode).toBe(0);
    expect(await scene.host.deployments("backup")).toMatchObject([
      { id: step.outputs["deployment-id"], run_id: sent.run.id, sha: sent.run.head_sha },
    ]);
  });

  it("is refused when its tokens are made out for someone else", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const step = await runAction(inputs(scene, { audience: "someone-else" }), job(scene));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("oidc.audience");
    expect(await scene.host.deployments("primary")).toEqual([]);
  });

  it("is refused when it asks for a commit that is not its job's", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const step = await runAction(inputs(scene, { sha: "2".repeat(40) }), job(scene));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("sha: the token is of");
    expect(await scene.host.deployments("primary")).toEqual([]);
  });

  it("is believed at GitHub too while every instance is down, though its run goes on", async () => {
    const scene = await setSceneWhileDown("sqlite", { targets: [{ action }] });
    const { github, host } = scene;
    const { inputs: given, env } = jobAt(github);
    const step = await startAction(inputs(scene, given), { ...env, ...job(scene) });
    await leftAt(github);
    await host.startInProcess("primary");
    const result = await step.result;
    expect(result.outputs).toMatchObject({ route: "github", verified: "true" });
    expect(result.exitCode).toBe(0);
    expect(await host.deployments("primary")).toMatchObject([
      { source: "github_deployment", verified_at: expect.any(String) },
    ]);
  });
});
