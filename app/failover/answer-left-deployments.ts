import type { Logger } from "pino";
import { writeElsewhere, writeRefusal } from "../../shared/github-status.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { Arrival } from "../accept/arrival.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "../github/repository-access.ts";
import type { Store } from "../store/store.ts";

/**
 * Says on GitHub Deployments that an Action left why nothing more will be reported on them: the request was
 * refused, or another GitHub Deployment shows the same deployment already. If it cannot be said, it is not.
 */
export async function answerLeftDeployments(
  results: ReadonlyMap<Arrival, Accepted>,
  { store, access, log }: { store: Store; access: RepositoryAccess; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  for (const [{ githubDeploymentId: id, repository }, { deployments, reason }] of results) {
    if (id === undefined) continue;
    const [deployed] = deployments;
    const row = await store.read
      .selectFrom("deployments")
      .select("github_deployment_id")
      .where("id", "=", deployed?.id ?? "")
      .executeTakeFirst();
    if (row?.github_deployment_id === id) continue;
    const status = deployed
      ? writeElsewhere(row?.github_deployment_id, deployed.id)
      : writeRefusal(reason ?? "no reason given");
    log.warn({ githubDeployment: id, repository, reason }, status.description);
    try {
      const octokit = await access.octokit(repository);
      await octokit.request("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", {
        ...ownerAndName(repository),
        deployment_id: Number(id),
        ...status,
        request: callLimit(signal),
      });
    } catch (error) {
      log.warn({ githubDeployment: id, repository }, `cannot say so at GitHub: ${(error as Error).message}`);
    }
  }
}
