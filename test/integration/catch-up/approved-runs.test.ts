import { expect, it } from "vitest";
import { judgeWorkflowRun, parseWorkflowRun } from "../../../app/accept/workflow-run.ts";
import { setScans } from "../../helpers/scans.ts";

// https://github.com/mlflow/mlflow/pull/22887, https://github.com/actions/runner/issues/4035
it("an attempt that ended as action_required is found once it has succeeded after its approval", async () => {
  const { github, targets, acceptor, scan, deployments } = await setScans("sqlite");
  const never = { repository: "acme/site", send: false };
  const { run, event } = github.completeRun({ ...never, conclusion: "action_required" });
  const judged = judgeWorkflowRun(parseWorkflowRun(event), targets);
  const common = { source: "webhook", guid: "guid-1", event: "workflow_run" } as const;
  await acceptor.accept({ ...common, ...judged, payload: null, viaRunAttempt: null });
  github.completeRun({ ...never, runId: run.id, attempt: 1 });
  await scan();
  expect(await deployments()).toMatchObject([{ run_id: run.id, run_attempt: 1, source: "reconcile" }]);
});
