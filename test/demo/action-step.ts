import { type ActionResult, eventVariables, startAction } from "../helpers/action/run-action.ts";
import { DELIVERY_SECRET } from "../helpers/test-host.ts";
import type { SentRun } from "../simulator/complete-run.ts";
import { DEPLOY_WORKFLOW, REPOSITORY, type Stage } from "./stage.ts";
import type { Timeline } from "./timeline.ts";

/** What of the Action's `report` output the demo reads. */
interface StepReport {
  sentence: string;
  deployment: { id: string } | null;
  attempts: {
    step: string;
    url: string;
    took_ms: number;
    http_status: number | null;
    result: string;
    cause: string | null;
  }[];
}

/** How a step of the Action ended. */
export interface Step {
  result: ActionResult;
  /** The deployment that it delivered, or null. */
  deploymentId: string | null;
  /** Whether an instance already knew the run, from GitHub's own event. */
  duplicate: boolean;
  /** Whether an endpoint took the request. */
  accepted: boolean;
}

/**
 * Runs the Action's committed bundle as a runner would, in a workflow that `workflow_run` started, and tells
 * what it saw.
 */
export async function runStep(
  stage: Stage,
  timeline: Timeline,
  started: SentRun,
  waitFor: "started" | "succeeded",
): Promise<Step> {
  const label = `#${started.run.run_number}`;
  let removeEvent = async () => {};
  const event = await eventVariables("workflow_run", started.event, (remove) => {
    removeEvent = remove;
  });
  timeline.note("Action", `a job for ${label} asks for a deployment and waits until it has ${waitFor}`);
  const action = await startAction(
    {
      endpoints: Object.values(stage.host.urls).join("\n"),
      environment: "production",
      secret: DELIVERY_SECRET,
      "wait-for": waitFor,
      timeout: "60s",
    },
    {
      ...event,
      GITHUB_REPOSITORY: REPOSITORY,
      GITHUB_WORKFLOW_REF: `${REPOSITORY}/${DEPLOY_WORKFLOW}@refs/heads/main`,
      GITHUB_RUN_ID: String(started.run.id + 7),
    },
  );
  const result = await action.result;
  await removeEvent();
  const report = JSON.parse(result.outputs.report ?? "null") as StepReport | null;
  if (!report) throw new Error(`the Action left no report:\n${result.stdout}\n${result.stderr}`);

  const sentence = report.sentence.replaceAll(/ \(http[^)]*\)/g, "");
  const colour = result.exitCode === 0 ? "green" : "red";
  timeline.note(
    "Action",
    `the step for ${label} is ${colour}, after ${(result.tookMs / 1000).toFixed(1)} s. ${sentence}`,
  );
  for (const { step, url, took_ms, http_status, result: state, cause } of report.attempts) {
    const verb = step === "deliver" ? "delivered to" : "read back from";
    const answer = cause ?? `${http_status}, ${state}`;
    timeline.detail(`${verb} the ${stage.instanceAt(url)}: ${answer} (${took_ms} ms)`);
  }
  const delivered = report.attempts.filter(
    ({ step, http_status }) => step === "deliver" && isGood(http_status),
  );
  return {
    result,
    deploymentId: report.deployment?.id ?? null,
    duplicate: delivered.at(-1)?.http_status === 200,
    accepted: delivered.length > 0,
  };
}

function isGood(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}
