import {
  type DeploymentRequest,
  MAX_REQUEST_BYTES,
  requestBody,
} from "../../../shared/deployment-request.ts";
import { whyNotByRoute } from "../../accept/approval.ts";
import type { Arrival, RunFacts } from "../../accept/arrival.ts";
import { findTarget, jsonOf, parseDeploymentRequest, requestFacts } from "../../accept/deployment-request.ts";
import { NO_NAMES, type RepositoryNames } from "../../accept/repository-names.ts";
import type { VerifyProof } from "../../auth/parked-proof.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { Octokit } from "../../github/repository-access.ts";
import { readRequestedRun } from "../../github/requested-run.ts";
import { repositoryKey } from "../../store/repository-key.ts";

/** A request that an Action parked at GitHub: it left it in a GitHub Deployment. */
export interface ParkedRequest {
  id: string;
  /** The GUID of its record in the store. */
  guid: string;
  repository: string;
  request: Record<string, unknown>;
  /** The unverified proof of who parked it. */
  proof: unknown;
  createdAt: number;
}

/** The GUID under which the request of this GitHub Deployment is on record. */
export function parkedGuid(id: string): string {
  return `github_deployment ${id}`;
}

/**
 * Judges a parked request. A request with a valid proof is judged as if it had reached an endpoint. Without a proof
 * anyone who may write deployments may have parked it, so that nothing in it is trusted. Then the run that it names is
 * read at GitHub. The event of that run must have deployed the same commit to the same target. Null while that run has
 * not ended.
 */
export async function judgeParkedRequest(
  octokit: Octokit,
  parked: ParkedRequest,
  rules: {
    targets: readonly TargetConfig[];
    names?: RepositoryNames | undefined;
    watched: ReadonlyMap<TargetConfig, number>;
    verifyProof: VerifyProof;
    signal: AbortSignal;
  },
): Promise<Arrival | null> {
  const { names = NO_NAMES } = rules;
  const common = {
    source: "github_deployment" as const,
    guid: parked.guid,
    event: "deployment",
    action: null,
    repository: repositoryKey(parked.repository),
    githubDeploymentId: parked.id,
  };
  // Keep the facts even when refusing, so that the same run is recognised later.
  let facts: RunFacts | null = null;
  const refuse = (ignored: string): Arrival => ({
    ...common,
    facts,
    targets: [],
    ignored,
    payload: null,
    viaRunAttempt: null,
  });
  if (jsonOf(parked.request) === null) return refuse("the request is nested too deeply");
  const parsed = parseDeploymentRequest(parked.request, { admin: false });
  if ("problem" in parsed) return refuse(parsed.problem);
  const { request } = parsed;
  facts = requestFacts(request);
  // The size that an endpoint would have received.
  if (Buffer.byteLength(requestBody(request as DeploymentRequest)) > MAX_REQUEST_BYTES)
    return refuse(`the request is larger than ${MAX_REQUEST_BYTES} bytes`);
  if (names.keyOf(request.repository) !== repositoryKey(parked.repository))
    return refuse(`the request is for another repository, ${request.repository}`);
  if (request.dry_run) return refuse("a dry run is answered by an endpoint only");
  const wanted = findTarget(request, rules.targets, names);
  if ("problem" in wanted) return refuse(wanted.problem);
  const { target } = wanted;
  const byRoute = whyNotByRoute(common, target);
  if (byRoute !== null) return refuse(byRoute);
  if (parked.createdAt < (rules.watched.get(target) ?? Number.POSITIVE_INFINITY))
    return refuse("it was made before the target was first watched");

  const proven = await rules.verifyProof(parked, request, target);
  if (proven && "refused" in proven) return refuse(proven.refused);
  if (proven && "facts" in proven) return { ...proven, ...common };

  const run = await readRequestedRun(octokit, request, target, { names, signal: rules.signal });
  if ("pending" in run) return null;
  if ("refused" in run) return refuse(run.refused);
  return {
    ...common,
    facts: run.judged.facts,
    targets: run.judged.targets,
    settles: run.judged.settles,
    approvedFor: proven?.approvedFor,
    ignored: null,
    payload: request.payload_text ?? null,
    viaRunAttempt: request.via?.run_attempt ?? request.run_attempt ?? null,
  };
}
