import { ZodError } from "zod";
import type { ParsedRequest } from "../accept/deployment-request.ts";
import { problemsOf } from "../accept/problems-of.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import { type JudgedRun, judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { TargetConfig } from "../config/schema.ts";
import { isGone } from "./github-error.ts";
import { callLimit, type Octokit, ownerAndName } from "./repository-access.ts";

/** The run that a request names, judged: it may be deployed, it is refused for a reason, or it has not ended. */
export type RequestedRun = { judged: JudgedRun } | { refused: string } | { pending: true };

/**
 * Reads at GitHub the run attempt that a request names. It counts only if its event would have deployed the same commit
 * to the same target. Nothing in the request itself is trusted.
 */
export async function readRequestedRun(
  octokit: Octokit,
  request: Pick<ParsedRequest, "repository" | "run_id" | "run_attempt" | "sha">,
  target: TargetConfig,
  { names, signal }: { names?: RepositoryNames; signal?: AbortSignal } = {},
): Promise<RequestedRun> {
  const run = await readRun(octokit, request, signal);
  if (!run) return { refused: `GitHub has no attempt ${request.run_attempt} of the run ${request.run_id}` };
  if (run.status !== "completed") return { pending: true };
  const judged = judgeRun(run, [target], names);
  if ("unreadable" in judged) return { refused: judged.unreadable };
  if (judged.ignored !== null) return { refused: judged.ignored };
  if (run.head_sha !== request.sha)
    return { refused: `the run's commit is ${run.head_sha}, and the request asks for ${request.sha}` };
  return { judged };
}

/** Judges a completed run as its event would have been; `unreadable` says why the run cannot be read. */
export function judgeRun(
  run: { id: number | bigint; repository: unknown },
  targets: readonly TargetConfig[],
  names?: RepositoryNames,
): JudgedRun | { unreadable: string } {
  try {
    const event = { action: "completed", workflow_run: run, repository: run.repository };
    return judgeWorkflowRun(parseWorkflowRun(event), targets, names);
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    return {
      unreadable: `GitHub's word on the run ${run.id} cannot be read: ${problemsOf(error, "the run")}`,
    };
  }
}

/** The run attempt at GitHub; null if there is none. */
export async function readRun(
  octokit: Octokit,
  { repository, run_id = 0, run_attempt = 0 }: { repository: string; run_id?: number; run_attempt?: number },
  signal: AbortSignal | undefined,
) {
  try {
    const { data } = await octokit.request(
      "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
      { ...ownerAndName(repository), run_id, attempt_number: run_attempt, request: callLimit(signal) },
    );
    return data;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
