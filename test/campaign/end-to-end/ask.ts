import { MAY_DEPLOY } from "../../helpers/action/github-job.ts";
import { eventVariables, startAction } from "../../helpers/action/run-action.ts";
import { DELIVERY_SECRET, type TestHost } from "../../helpers/test-host.ts";
import type { SentRun } from "../../simulator/complete-run.ts";
import type { GitHub } from "../../simulator/simulator.ts";
import type { Job, Run } from "./history.ts";
import { DEPLOY_WORKFLOW } from "./targets.ts";

/** What a job's step said. */
export interface Asked {
  run: Run;
  job: Job;
  exitCode: number | null;
  deployment: string | undefined;
  status: string | undefined;
  route: string | undefined;
  verified: boolean;
}

/** The id of a deploy workflow's run is far from those of the runs that start it. */
const OWN_RUN = 1_000_000;

/** Runs the Action's committed bundle in a workflow that `workflow_run` started. */
export async function ask(
  { github, host, signal }: { github: GitHub; host: TestHost; signal: AbortSignal },
  run: Run,
  job: Job,
  sent: SentRun,
): Promise<Asked> {
  let remove = async () => {};
  const event = await eventVariables("workflow_run", sent.event, (clean) => {
    remove = clean;
  });
  const ownRun = run.id + OWN_RUN;
  const token = github.jobEnvironment({
    repository: run.repository,
    repository_id: github.repository(run.repository).id,
    run_id: ownRun,
    event_name: "workflow_run",
    environment: job.target,
    sha: sent.run.head_sha,
    aud: "twinhook",
  });
  const action = await startAction(
    {
      endpoints: Object.values(host.urls).join("\n"),
      environment: job.target,
      ...(!job.approved && { secret: DELIVERY_SECRET }),
      "wait-for": job.waitFor,
      timeout: "90s",
      "max-attempts": "4",
      "max-delay": "4s",
      "github-token": github.githubToken(run.repository, MAY_DEPLOY),
    },
    {
      ...event,
      ...(job.approved && token),
      GITHUB_API_URL: github.url,
      GITHUB_SERVER_URL: github.url,
      GITHUB_REPOSITORY: run.repository,
      GITHUB_WORKFLOW_REF: `${run.repository}/${DEPLOY_WORKFLOW}@refs/heads/main`,
      GITHUB_RUN_ID: String(ownRun),
    },
  );
  const cancel = () => action.kill("SIGKILL");
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const { exitCode, outputs } = await action.result;
  signal.removeEventListener("abort", cancel);
  await remove();
  return {
    run,
    job,
    exitCode,
    deployment: outputs["deployment-id"] || undefined,
    status: outputs.status,
    route: outputs.route,
    verified: outputs.verified === "true",
  };
}
