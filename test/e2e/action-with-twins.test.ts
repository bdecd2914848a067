import { describe, expect, it, onTestFinished } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { eventVariables, RUNNER_ENV, runAction, startAction } from "../helpers/action/run-action.ts";
import { DELIVERY_SECRET } from "../helpers/test-host.ts";
import { deploymentIn, REPOSITORY, type Scene, setScene, setTwinSceneInProcess } from "./twins.ts";

interface Report {
  deployment: { accepted_by: string; run_by: string };
}

const DEPLOY_WORKFLOW = ".github/workflows/deploy.yml";
const action = { secret_env: "SITE_DELIVERY_SECRET", workflows: [DEPLOY_WORKFLOW] };
const FAILING = { run: ["sh", "-c", "echo installing; echo 'disk <full>' >&2; exit 3"] };

/** The inputs of a step that asks for a deployment to production. */
const inputs = ({ host }: Pick<Scene, "host">, changes: Record<string, string> = {}) => ({
  endpoints: Object.values(host.urls).join("\n"),
  environment: "production",
  secret: DELIVERY_SECRET,
  timeout: "60s",
  "request-timeout": "10s",
  ...changes,
});

/** The summary as a reader sees it, without the escapes. */
const read = ({ summary }: { summary: string }) =>
  summary.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

describe("the Action against real twins", () => {
  it("delivers to the primary and is green only once it has read back that the deployment started", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const step = await runAction(inputs(scene));
    expect(step.outputs).toMatchObject({
      route: "primary",
      endpoint: scene.host.url("primary"),
      "failed-over": "false",
      verified: "true",
      attempts: "1",
    });
    expect(step.exitCode).toBe(0);
    const [deployment] = await scene.host.deployments("primary");
    expect(deployment).toMatchObject({
      id: step.outputs["deployment-id"],
      source: "action",
      run_id: Number(RUNNER_ENV.GITHUB_RUN_ID),
      accepted_by: "primary",
      verified_at: expect.any(String),
    });
    // Started is the claim; the command's first line comes a moment later.
    await expect.poll(() => scene.host.trace()[0]?.sha).toBe(RUNNER_ENV.GITHUB_SHA);
    expect(read(step)).toContain(`${scene.host.url("primary")}/deployments/${deployment?.id}`);
  });

  it("delivers to the backup when the primary is dead, and says so", async () => {
    const scene = await setScene("sqlite", { targets: [{ action }] });
    await scene.host.startInProcess("backup");
    const step = await runAction(inputs(scene, { "wait-for": "succeeded" }));
    expect(step.outputs).toMatchObject({
      route: "backup",
      status: "succeeded",
      "failed-over": "true",
      verified: "true",
      attempts: "2",
    });
    expect(step.exitCode).toBe(0);
    expect(step.summary).toContain("connection refused");
    expect(step.stdout).toContain("::notice");
    expect(scene.host.trace().map(({ what }) => what)).toEqual(["start", "end"]);
  });

  it("goes on reading from the backup when the primary dies after it accepted", async () => {
    const scene = await setScene("sqlite", { targets: [{ action, env: { STEP_SECONDS: "3" } }] });
    const [primary] = await Promise.all([scene.host.start("primary"), scene.host.startInProcess("backup")]);
    const running = await startAction(inputs(scene, { "wait-for": "succeeded" }));
    await running.printed("deliver: primary");
    await primary.kill("SIGKILL");
    const step = await running.result;
    expect(step.outputs).toMatchObject({ route: "primary", status: "succeeded", verified: "true" });
    expect(step.exitCode).toBe(0);
    const { accepted_by, run_by } = (JSON.parse(step.outputs.report ?? "") as Report).deployment;
    expect(accepted_by).toBe("primary");
    // Who began it before the primary died is a matter of luck; who told of its end is not.
    expect(["primary", "backup"]).toContain(run_by);
    expect(step.summary).toMatch(/read back as succeeded from the backup/);
    expect(step.summary).toMatch(/<td>primary \(http.*(broken off|refused)/);
    expect(scene.host.trace().map(({ what }) => what)).toEqual(["start", "end"]);
  });

  it("meets GitHub's own event in one deployment when a workflow_run started it", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const { github, host } = scene;
    const sent = github.completeRun({ repository: REPOSITORY });
    const event = await eventVariables("workflow_run", sent.event, onTestFinished);
    const [step, delivery] = await Promise.all([
      runAction(inputs(scene, { "wait-for": "succeeded" }), { ...event, GITHUB_RUN_ID: "40000007" }),
      sent.delivery,
    ]);
    expect(step.exitCode).toBe(0);
    const deployments = await host.deployments("backup");
    expect(deployments).toHaveLength(1);
    expect(deployments[0]).toMatchObject({
      id: step.outputs["deployment-id"],
      run_id: sent.run.id,
      sha: sent.run.head_sha,
      status: "succeeded",
    });
    expect(deploymentIn(delivery.response.payload)).toBe(step.outputs["deployment-id"]);
    expect(host.trace().map(({ what }) => what)).toEqual(["start", "end"]);
  });

  it("is red when the command fails and it waits for success, with exit code and log tail in the summary", async () => {
    const scene = await setTwinSceneInProcess("sqlite", {
      targets: [{ action, ...FAILING, share_log: true }],
    });
    const step = await runAction(inputs(scene, { "wait-for": "succeeded" }));
    expect(step.exitCode).toBe(1);
    expect(step.outputs).toMatchObject({ status: "failed", verified: "false" });
    expect(step.summary).toContain("exit code 3");
    expect(step.summary).toContain("installing");
    expect(read(step)).toContain("disk <full>");
    expect(step.summary).not.toContain("<full>");
    expect(step.stdout).toContain("::error");
  });

  it("shows nothing of the log where the target does not share it", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action, ...FAILING }] });
    const step = await runAction(inputs(scene, { "wait-for": "succeeded" }));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("exit code 3");
    expect(step.summary + step.stdout).not.toContain("installing");
  });

  it("deploys nothing in a dry run, which still finds out whether it would be accepted", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const right = await runAction(inputs(scene, { "dry-run": "true" }));
    expect(right.exitCode).toBe(0);
    expect(right.outputs).toMatchObject({ "deployment-id": "", verified: "false" });
    const wrong = await runAction(inputs(scene, { "dry-run": "true", environment: "staging" }));
    expect(wrong.exitCode).toBe(1);
    expect(read(wrong)).toContain("environment `staging`");
    expect(await scene.host.deployments("primary")).toEqual([]);
    expect(scene.host.trace()).toEqual([]);
  });

  it("says which secret to correct when the signature is refused, and never prints it", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const wrong = `whsec_${Buffer.from("a secret that nobody else knows").toString("base64")}`;
    const step = await runAction(inputs(scene, { secret: wrong }));
    expect(step.exitCode).toBe(1);
    expect(step.outputs).toMatchObject({ verified: "false", "deployment-id": "" });
    expect(step.summary).toContain("401");
    expect(read(step)).toContain("Set the input `secret` to the value that this instance holds");
    expect(step.summary).not.toContain(wrong.slice(6));
    expect(step.stdout.replace(/^::add-mask::.*$/gm, "")).not.toContain(wrong.slice(6));
    expect(await scene.host.deployments("primary")).toEqual([]);
  });

  it("ends without a deployment of its own when a newer run was deployed already", async () => {
    const scene = await setTwinSceneInProcess("sqlite", { targets: [{ action }] });
    const newer = scene.github.completeRun({ repository: REPOSITORY, runId: 50_000_000 });
    const id = deploymentIn((await newer.delivery).response.payload);
    await scene.host.deployment("primary", id, ({ status }) => isFinal(status));
    const step = await runAction(inputs(scene));
    expect(step.outputs).toMatchObject({ status: "superseded", verified: "false" });
    expect(step.exitCode).toBe(0);
    expect(read(step)).toContain(`superseded by the newer ${id}`);
    expect(scene.host.trace().map(({ runId }) => runId)).toEqual([50_000_000, 50_000_000]);
  });
});
