import { MAX_REQUEST_BYTES } from "../../shared/deployment-request.ts";
import type { Arrival } from "../accept/arrival.ts";
import { findTarget, parseDeploymentRequest } from "../accept/deployment-request.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { TargetConfig } from "../config/schema.ts";
import { callLimit, type Octokit, ownerAndName } from "../github/repository-access.ts";
import { repositoryKey } from "../store/repository-key.ts";

/** A GitHub Deployment in which an Action left its request. */
export interface LeftDeployment {
  id: string;
  /** Under which it is on record once it was judged. */
  guid: string;
  repository: string;
  request: Record<string, unknown>;
  createdAt: number;
}

/**
 * Judges a request that was left at GitHub. Whoever may write deployments may have left it, so that nothing of
 * it is believed: the run that it names is read at GitHub, and must be one whose event would have deployed the
 * same commit to the same target. Null while that run has not ended.
 */
export async function judgeLeftDeployment(
  octokit: Octokit,
  left: LeftDeployment,
  rules: {
    targets: readonly TargetConfig[];
    watched: ReadonlyMap<TargetConfig, number>;
    signal: AbortSignal;
  },
): Promise<Arrival | null> {
  const common = {
    source: "github_deployment" as const,
    guid: left.guid,
    event: "deployment",
    action: null,
    repository: repositoryKey(left.repository),
    githubDeploymentId: left.id,
  };
  const refuse = (ignored: string): Arrival => ({
    ...common,
    facts: null,
    targets: [],
    ignored,
    payload: null,
    viaRunAttempt: null,
  });
  if (Buffer.byteLength(JSON.stringify(left.request)) > MAX_REQUEST_BYTES)
    return refuse(`the request is larger than ${MAX_REQUEST_BYTES} bytes`);
  const parsed = parseDeploymentRequest(left.request, { admin: false });
  if ("problem" in parsed) return refuse(parsed.problem);
  const { request } = parsed;
  if (repositoryKey(request.repository) !== repositoryKey(left.repository))
    return refuse(`the request is for another repository, ${request.repository}`);
  if (request.dry_run) return refuse("a dry run is answered by an endpoint only");
  const wanted = findTarget(request, rules.targets);
  if ("problem" in wanted) return refuse(wanted.problem);
  const { target } = wanted;
  if (left.createdAt < (rules.watched.get(target) ?? Number.POSITIVE_INFINITY))
    return refuse("it was made before the target was first watched");

  const run = await readRun(octokit, left.repository, request, rules.signal);
  if (!run) return refuse(`GitHub has no attempt ${request.run_attempt} of the run ${request.run_id}`);
  if (run.status !== "completed") return null;
  const judged = judgeWorkflowRun(
    parseWorkflowRun({ action: "completed", workflow_run: run, repository: run.repository }),
    [target],
  );
  if (judged.ignored !== null) return refuse(judged.ignored);
  if (run.head_sha !== request.sha)
    return refuse(`the run's commit is ${run.head_sha}, and the request asks for ${request.sha}`);
  return {
    ...common,
    facts: judged.facts,
    targets: judged.targets,
    ignored: null,
    payload: request.payload === undefined ? null : JSON.stringify(request.payload),
    viaRunAttempt: request.via?.run_attempt ?? null,
  };
}

/** The run attempt at GitHub, or null when there is none. */
async function readRun(
  octokit: Octokit,
  repository: string,
  { run_id = 0, run_attempt = 0 }: { run_id?: number; run_attempt?: number },
  signal: AbortSignal,
) {
  try {
    const { data } = await octokit.request(
      "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
      { ...ownerAndName(repository), run_id, attempt_number: run_attempt, request: callLimit(signal) },
    );
    return data;
  } catch (error) {
    if ((error as { status?: number }).status === 404) return null;
    throw error;
  }
}
