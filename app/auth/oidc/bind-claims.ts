import { checkActionRules, type ParsedRequest } from "../../accept/deployment-request.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { OidcClaims } from "./claims.ts";

/**
 * The result of a check: the run is proven, or GitHub must confirm that it may deploy, or the request is
 * refused.
 */
export type Binding = { proven: true } | { proven: false } | { refused: string };

/**
 * Compares a request with its token. The request may claim nothing that contradicts the token. The caller has
 * already checked that the token belongs to the target's repository.
 */
export function bindClaims(request: ParsedRequest, claims: OidcClaims, target: TargetConfig): Binding {
  const ownRun = request.run_id === claims.run_id;
  const refused =
    whatDiffers(request, claims, { ownRun, ownCommit: ownRun && !target.action.any_sha }) ??
    checkActionRules(request, target, [claims.ref]) ??
    // For another run, GitHub says later whether it may deploy.
    (ownRun ? checkActionRules(request, target) : null);
  if (refused) return { refused };
  if (ownRun) return { proven: true };
  if (claims.event_name === "workflow_run") return { proven: false };
  return {
    refused: `run_id: the token is of the run ${claims.run_id}; only a workflow started by workflow_run (this one: ${claims.event_name}) may ask for the run that started it`,
  };
}

/** The first difference between request and token, in words; null where they agree. */
function whatDiffers(
  request: ParsedRequest,
  claims: OidcClaims,
  { ownRun, ownCommit }: { ownRun: boolean; ownCommit: boolean },
): string | null {
  const via = request.via ?? request;
  const ANY_SHA = "; action.any_sha lets a target be asked for another";
  const pairs: [name: string, said: unknown, proven: unknown, remedy?: string][] = [
    ["via.run_id", via.run_id, claims.run_id],
    ["via.run_attempt", via.run_attempt, claims.run_attempt],
    // Compared as a whole, so that nothing in a name can pass for a separator.
    ["workflow", `${claims.repository}/${request.workflow}@${claims.ref}`, claims.workflow_ref],
  ];
  if (ownRun) pairs.push(["run_attempt", request.run_attempt, claims.run_attempt]);
  if (ownCommit)
    pairs.push(["sha", request.sha, claims.sha, ANY_SHA], ["ref", request.ref, claims.ref, ANY_SHA]);
  for (const [name, said, proven, remedy = ""] of pairs)
    if (said !== proven) return `${name}: the token is of ${proven}, and the request says ${said}${remedy}`;
  return null;
}
