import { describe, expect, it } from "vitest";
import { jobAt, leftAt } from "../helpers/action/github-job.ts";
import { RUNNER_ENV, startAction } from "../helpers/action/run-action.ts";
import { DELIVERY_SECRET } from "../helpers/test-host.ts";
import { REPOSITORY, type Scene, setScene, setSceneWhileDown } from "./twins.ts";

const action = {
  secret_env: "SITE_DELIVERY_SECRET",
  workflows: [".github/workflows/deploy.yml"],
};

/** A step that finds nobody at the endpoints, and gives up on them soon. */
function startStep({ host, github }: Scene, changes: Record<string, string> = {}) {
  const job = jobAt(github);
  const inputs = {
    endpoints: Object.values(host.urls).join("\n"),
    environment: "production",
    secret: DELIVERY_SECRET,
    "request-timeout": "10s",
    "max-attempts": "2",
    "base-delay": "10ms",
    ...job.inputs,
    ...changes,
  };
  return startAction(inputs, job.env);
}

describe("the Action while every instance is down", () => {
  it("leaves the request at GitHub, and is green once an instance is back and has begun", async () => {
    const scene = await setSceneWhileDown("sqlite", { targets: [{ action }] });
    const { github, host } = scene;
    const step = await startStep(scene);
    const id = await leftAt(github);
    await host.startInProcess("backup");
    const result = await step.result;
    expect(result.outputs).toMatchObject({
      route: "github",
      verified: "true",
      status: expect.stringMatching(/running|succeeded/),
      "deployment-id": expect.stringMatching(/^dep_/),
      url: expect.stringContaining("/deployments/dep_"),
    });
    expect(result.exitCode).toBe(0);
    // The run of the step itself goes on: what proves who asked is the secret.
    expect(await host.deployments("backup")).toMatchObject([
      {
        id: result.outputs["deployment-id"],
        source: "github_deployment",
        run_id: Number(RUNNER_ENV.GITHUB_RUN_ID),
        accepted_by: "backup",
        verified_at: expect.any(String),
      },
    ]);
    expect(github.deployments(REPOSITORY).map((one) => one.id)).toEqual([id]);
    expect(result.summary).toContain("connection refused");
  });

  it("is red with the App's reason when the App will not have what was left", async () => {
    const scene = await setScene("sqlite", { targets: [{ action }] });
    const step = await startStep(scene, { environment: "staging" });
    await leftAt(scene.github);
    await scene.host.startInProcess("primary");
    const result = await step.result;
    expect(result.exitCode).toBe(1);
    expect(result.summary).toContain("no target is configured for acme/site");
    expect(await scene.host.deployments("primary")).toEqual([]);
  });

  it("ends well when a newer run was deployed meanwhile", async () => {
    const scene = await setScene("sqlite", { targets: [{ action }] });
    const { github, host } = scene;
    const backup = await host.startInProcess("backup");
    const newer = github.completeRun({ repository: REPOSITORY, runId: 50_000_000, send: false });
    await host.sendEvent("backup", newer.event);
    await expect.poll(() => host.trace().length).toBe(2);
    await backup.kill();
    const before = github.deployments(REPOSITORY).length;
    const step = await startStep(scene);
    await github.waitFor(() => github.deployments(REPOSITORY).length > before);
    await host.startInProcess("primary");
    const result = await step.result;
    expect(result.outputs).toMatchObject({ route: "github", status: "superseded", verified: "false" });
    expect(result.exitCode).toBe(0);
    expect(host.trace()).toHaveLength(2);
  });
});
