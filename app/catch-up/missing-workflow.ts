import { callLimit, type Octokit, ownerAndName } from "../github/repository-access.ts";

/** Throws the error of a list of runs again, or one that says that the repository can be seen and its workflow is gone. */
export async function explainMissingWorkflow(
  error: unknown,
  octokit: Octokit,
  { repository, workflow }: { repository: string; workflow: string },
  signal: AbortSignal,
): Promise<never> {
  if ((error as { status?: number }).status !== 404) throw error;
  await octokit.request("GET /repos/{owner}/{repo}", {
    ...ownerAndName(repository),
    request: callLimit(signal),
  });
  throw Object.assign(new Error(`GitHub has no workflow of the path ${workflow} there`, { cause: error }), {
    // So that it still counts as GitHub's own refusal.
    ...(error as { status: number; response?: unknown }),
    remedy: "correct `workflow` in twinhook.yml, or put the file back on the default branch",
  });
}
