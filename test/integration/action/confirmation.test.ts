import { describe, expect, onTestFinished, test } from "vitest";
import type { DeploymentStatus } from "../../../shared/deployment.ts";
import { eventVariables, runAction, startAction } from "../../helpers/action/run-action.ts";
import {
  answers,
  blackHole,
  cutsOff,
  DeploymentStore,
  deploymentFor,
  onlyFor,
  resets,
  ScriptedEndpoint,
  type Step,
  works,
} from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";

const keep = closeAtEnd();

async function endpoint(steps: readonly Step[], options: Parameters<typeof ScriptedEndpoint.start>[1] = {}) {
  return keep(await ScriptedEndpoint.start(steps, options));
}

function storeThatShows(
  script: DeploymentStatus[],
  override: DeploymentStore["override"] = {},
): DeploymentStore {
  const store = new DeploymentStore();
  store.script = script;
  store.override = override;
  return store;
}

describe.concurrent("what is waited for", () => {
  const ends: [string, DeploymentStatus[], number, Record<string, string>][] = [
    ["accepted", ["queued"], 0, { status: "queued", verified: "true" }],
    ["accepted", ["queued", "failed"], 0, { status: "failed", verified: "true" }],
    ["accepted", ["superseded"], 0, { status: "superseded", verified: "false" }],
    ["started", ["queued", "queued", "running"], 0, { status: "running", verified: "true" }],
    ["started", ["running"], 0, { status: "running", verified: "true" }],
    ["started", ["queued", "failed"], 0, { status: "failed", verified: "true" }],
    ["started", ["queued", "cancelled"], 1, { status: "cancelled", verified: "false" }],
    ["started", ["queued", "superseded"], 0, { status: "superseded", verified: "false" }],
    [
      "succeeded",
      ["queued", "running", "running", "succeeded"],
      0,
      { status: "succeeded", verified: "true" },
    ],
    ["succeeded", ["succeeded"], 0, { status: "succeeded", verified: "true" }],
    ["succeeded", ["queued", "running", "failed"], 1, { status: "failed", verified: "false" }],
    ["succeeded", ["running", "cancelled"], 1, { status: "cancelled", verified: "false" }],
    ["succeeded", ["queued", "superseded"], 0, { status: "superseded", verified: "false" }],
  ];
  test.each(ends)(
    "under wait-for: %s the states %j end with %i",
    async (waitFor, script, exitCode, outputs) => {
      const primary = await endpoint([works], { store: storeThatShows([...script]) });
      const step = await runAction(stepInputs([primary.url], { "wait-for": waitFor }));
      expect(step.exitCode).toBe(exitCode);
      expect(step.outputs).toMatchObject(outputs);
      expect(step.stdout.match(/^::error /gm)?.length ?? 0).toBe(exitCode);
      // Even what the acceptance shows already is read back once.
      expect(primary.reads.length).toBeGreaterThanOrEqual(1);
      expect(primary.reads.every(({ path }) => path.endsWith(`&for=${waitFor}`))).toBe(true);
    },
  );

  test("a superseded deployment is red when on-superseded says so, and names its successor", async () => {
    const store = storeThatShows(["queued", "superseded"], { superseded_by: "dep_newer" });
    const primary = await endpoint([works], { store });
    const step = await runAction(stepInputs([primary.url], { "on-superseded": "fail" }));
    expect(step).toMatchObject({ exitCode: 1, outputs: { status: "superseded", verified: "false" } });
    expect(step.stdout).toMatch(/^::error .*dep_newer/m);
  });

  test("a superseded deployment is a notice that names its successor", async () => {
    const store = storeThatShows(["superseded"], { superseded_by: "dep_newer" });
    const primary = await endpoint([works], { store });
    const step = await runAction(stepInputs([primary.url]));
    expect(step.stdout).toMatch(/^::notice .*dep_newer/m);
    expect(step.stdout).not.toMatch(/^::(error|warning)/m);
  });

  test("a failed deployment shows its exit code and its last lines", async () => {
    const store = storeThatShows(["running", "failed"], { exit_code: 3, log_tail: "step 1\nno space left" });
    const primary = await endpoint([works], { store });
    const step = await runAction(stepInputs([primary.url], { "wait-for": "succeeded" }));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("failed with exit code 3");
    expect(step.summary).toContain("no space left");
    expect(step.stdout).toContain("no space left");
  });
});

describe.concurrent("reading back", () => {
  test("goes on with the other endpoint when the accepting one dies", async () => {
    const store = new DeploymentStore();
    const primary = await endpoint([works, resets], { store });
    const backup = await endpoint([works], { store, name: "backup" });
    const step = await runAction(stepInputs([primary.url, backup.url]));
    expect(step).toMatchObject({
      exitCode: 0,
      outputs: { route: "primary", "failed-over": "false", verified: "true" },
    });
    expect(backup.deliveries).toEqual([]);
    expect(step.stdout).toMatch(/^::warning .*Lost route primary/m);
  });

  test("comes back to an endpoint that fails for a while", async () => {
    const primary = await endpoint([works, answers(503), cutsOff, works]);
    const step = await runAction(stepInputs([primary.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { verified: "true" } });
  });

  test("takes another deployment's state for nothing", async () => {
    const other = { ...deploymentFor(REQUEST), id: "dep_other", status: "succeeded" };
    const primary = await endpoint([onlyFor("GET", answers(200, other), works)]);
    const step = await runAction(stepInputs([primary.url], { timeout: "8s" }));
    expect(step).toMatchObject({ exitCode: 1, outputs: { status: "queued", verified: "false" } });
    expect(step.summary).toContain("about another deployment");
  });

  test("is red when every endpoint refuses it", async () => {
    const primary = await endpoint([onlyFor("GET", answers(404), works)]);
    const backup = await endpoint([answers(401)]);
    const step = await runAction(stepInputs([primary.url, backup.url]));
    expect(step).toMatchObject({
      exitCode: 1,
      outputs: { verified: "false", "deployment-id": "dep_30433642_1" },
    });
    expect(step.summary).toMatch(/\*\*Delivered:\*\* yes[\s\S]*\*\*Confirmed:\*\* no/);
    expect(step.summary).toContain("no route lets it be read back");
  });

  test.each<[string, Step]>([
    ["stays queued", works],
    ["is never answered", onlyFor("GET", blackHole, works)],
    ["is always cut off in the middle", onlyFor("GET", cutsOff, works)],
  ])("that %s is red at the time limit, with the last state", async (_, step) => {
    const primary = await endpoint([step], { store: storeThatShows(["queued"]) });
    const result = await runAction(stepInputs([primary.url], { timeout: "8s" }));
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: "queued", verified: "false" } });
    expect(result.summary).toMatch(
      /\*\*Delivered:\*\* yes[\s\S]*\*\*Confirmed:\*\* no, the last state read is queued/,
    );
    expect(result.summary).toContain("within 8 s it was not seen to be started");
  });

  test("pauses between answers that bring nothing new", async () => {
    const primary = await endpoint([works], { store: storeThatShows(["queued"]) });
    await runAction(
      stepInputs([primary.url], { timeout: "1s", "base-delay": "300ms", "max-delay": "300ms" }),
    );
    expect(primary.reads.length).toBeLessThanOrEqual(5);
  });
});

describe.concurrent("cancelling the job", () => {
  test.each<NodeJS.Signals>(["SIGINT", "SIGTERM"])(
    "with %s before an acceptance stops at once and says that one may have happened",
    async (signal) => {
      const primary = await endpoint([blackHole]);
      const step = await startAction(stepInputs([primary.url], { "request-timeout": "60s" }));
      await primary.arrived(1);
      step.kill(signal);
      const result = await step.result;
      expect(result.exitCode).toBe(1);
      expect(result.summary).toContain(`The job was cancelled`);
      expect(result.summary).toContain(signal);
      expect(result.summary).toContain("a request under way may have been accepted");
      expect(result.outputs).toMatchObject({ verified: "false" });
    },
  );

  test("while waiting for confirmation says what was already accepted", async () => {
    const primary = await endpoint([onlyFor("GET", blackHole, works)]);
    const step = await startAction(stepInputs([primary.url], { "request-timeout": "60s" }));
    await primary.arrived(2);
    step.kill("SIGINT");
    const result = await step.result;
    expect(result.exitCode).toBe(1);
    expect(result.summary).toContain("had already been accepted by the primary");
    expect(result.summary).toMatch(/\*\*Delivered:\*\* yes[\s\S]*\*\*Confirmed:\*\* no/);
    expect(result.outputs).toMatchObject({ "deployment-id": "dep_30433642_1", verified: "false" });
  });

  test("during a pause between rounds stops at once", async () => {
    const primary = await endpoint([answers(503, undefined, { "retry-after": "600" })]);
    const step = await startAction(stepInputs([primary.url]));
    await primary.arrived(1);
    await step.printed("Round 2 follows");
    step.kill("SIGINT");
    const result = await step.result;
    expect(result.exitCode).toBe(1);
    expect(result.summary).toContain("nothing was delivered");
  });
});

test("a workflow started by workflow_run asks for the run that started it", async () => {
  const primary = await endpoint([works]);
  const event = await eventVariables(
    "workflow_run",
    { workflow_run: { id: 99, run_attempt: 2, head_sha: "2".repeat(40), head_branch: "main" } },
    onTestFinished,
  );
  const step = await runAction(stepInputs([primary.url]), event);
  expect(step).toMatchObject({ exitCode: 0, outputs: { "deployment-id": "dep_99_2", verified: "true" } });
  expect(JSON.parse(primary.deliveries[0]?.body ?? "")).toMatchObject({
    run_id: 99,
    run_attempt: 2,
    via: { run_id: 30433642, run_attempt: 1 },
    sha: "2".repeat(40),
  });
});
