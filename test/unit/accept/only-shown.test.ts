import { describe, expect, it } from "vitest";
import { parseDeploymentRequest } from "../../../app/accept/deployment-request.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../../../app/accept/workflow-run.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

/** What was seen in the wild, and worse. */
const ACTORS = [undefined, null, {}, { login: null }, "octocat", 7];

describe("a field that is only shown", () => {
  it.each(ACTORS)("refuses no event: actor %j", (actor) => {
    const event = workflowRunPayload({ actor: "octocat" });
    Object.assign(event.workflow_run, { actor, triggering_actor: actor });
    const { targets, facts } = judgeWorkflowRun(parseWorkflowRun(event), [testTarget()]);
    expect(targets).toHaveLength(1);
    expect(facts.actor).toBeNull();
  });

  it.each([
    ["head_commit", null],
    ["head_commit", { message: 5 }],
    ["run_started_at", null],
    ["run_started_at", 5],
  ])("refuses no event: %s %j", (field, value) => {
    const event = workflowRunPayload();
    Object.assign(event.workflow_run, { [field]: value });
    expect(judgeWorkflowRun(parseWorkflowRun(event), [testTarget()]).targets).toHaveLength(1);
  });

  it.each([null, "", "a\0b", "x".repeat(500), { login: "octocat" }])(
    "refuses no request: actor %j",
    (actor) => {
      const parsed = parseDeploymentRequest(
        {
          repository: "acme/site",
          environment: "production",
          run_id: 1,
          run_attempt: 1,
          sha: "a".repeat(40),
          ref: "refs/heads/main",
          workflow: ".github/workflows/ci.yml",
          actor,
        },
        { admin: false },
      );
      expect(parsed).toMatchObject({ request: { run_id: 1 } });
      expect(parsed).not.toHaveProperty("request.actor", actor);
    },
  );
});
