import type { Arrival } from "../accept/arrival.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { VerifyProof } from "../auth/parked-proof.ts";
import type { TargetConfig } from "../config/schema.ts";
import { proofIn, twinhookPayload } from "../github/deployments.ts";
import { isGone } from "../github/github-error.ts";
import { type Octokit, ownerAndName } from "../github/repository-access.ts";
import { judgeRun, readRun } from "../github/requested-run.ts";
import type { DeliveryRow } from "../store/schema.ts";
import { judgeParkedRequest, parkedGuid } from "./parked-requests/parked-request.ts";

/** Why a delivery cannot be judged again, whatever GitHub answers; null if it can. */
export function whyNotAgain(delivery: DeliveryRow): string | null {
  const [made] = JSON.parse(delivery.deployment_ids) as string[];
  if (made) return `it stands for the deployment ${made}; retry that`;
  if (delivery.source === "github_deployment") return null;
  if (delivery.event !== "workflow_run" || delivery.action !== "completed" || delivery.run_id === null)
    return "only the completion of a workflow run deploys anything";
  return null;
}

/**
 * Judges a delivery that deployed nothing once more, by the present configuration. The store does not keep payloads. So
 * GitHub is asked for the run, or for the GitHub Deployment with the parked request. A person asks for it, so it
 * counts even if it is older than the target. Null if GitHub does not have it any more, or the run has not ended.
 */
export async function reevaluate(
  octokit: Octokit,
  delivery: DeliveryRow,
  {
    targets,
    names,
    verifyProof,
    signal,
  }: {
    targets: readonly TargetConfig[];
    names?: RepositoryNames | undefined;
    verifyProof: VerifyProof;
    signal: AbortSignal;
  },
): Promise<Arrival | null> {
  const { repository, source, guid, event } = delivery;
  if (source === "github_deployment") {
    const parked = await readParked(octokit, delivery, signal);
    const watched = new Map(targets.map((target) => [target, 0]));
    return parked && judgeParkedRequest(octokit, parked, { targets, names, watched, verifyProof, signal });
  }
  const run = await readRun(
    octokit,
    { repository, run_id: delivery.run_id ?? 0, run_attempt: delivery.run_attempt ?? 1 },
    signal,
  );
  if (run?.status !== "completed") return null;
  const judged = judgeRun(run, targets, names);
  const common = { source, guid, event, payload: null, viaRunAttempt: null };
  if (!("unreadable" in judged)) return { ...common, ...judged };
  const { action } = delivery;
  return { ...common, action, repository, facts: null, targets: [], ignored: judged.unreadable };
}

async function readParked(octokit: Octokit, { guid, repository }: DeliveryRow, signal: AbortSignal) {
  const id = guid?.startsWith(parkedGuid("")) ? guid.slice(parkedGuid("").length) : null;
  if (id === null) return null;
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/deployments/{deployment_id}", {
      ...ownerAndName(repository),
      deployment_id: Number(id),
      request: { signal },
    });
    const request = twinhookPayload(data.payload);
    if (!request) return null;
    const createdAt = Date.parse(data.created_at);
    return { id, guid: parkedGuid(id), repository, request, proof: proofIn(data.payload), createdAt };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
