import type { ParsedRequest } from "../../accept/deployment-request.ts";
import { checkActionRules } from "../../accept/deployment-request.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { OidcClaims } from "./claims.ts";

/** What a token leaves to be proven: nothing, or by GitHub that the run which the request names may deploy. */
export type Binding = { proven: true } | { proven: false } | { refused: string };

/**
 * Holds a request against the token that came with it: it may say nothing of itself that GitHub does not say of the
 * job. Whether the token is of the target's repository was checked before.
 */
export function bindClaims(request: ParsedRequest, claims: OidcClaims, target: TargetConfig): Binding {
  const own = { run_id: request.run_id, run_attempt: request.run_attempt };
  const via = request.via ?? own;
  const differing: [string, unknown, unknown][] = [
    ["via.run_id", via.run_id, claims.run_id],
    ["via.run_attempt", via.run_attempt, claims.run_attempt],
    // Compared whole, so that nothing in a name can be taken for a separator.
    ["workflow", `${claims.repository}/${request.workflow}@${claims.ref}`, claims.workflow_ref],
  ];
  const isOwnRun = request.run_id === claims.run_id;
  if (isOwnRun) differing.push(["run_attempt", request.run_attempt, claims.run_attempt]);
  if (isOwnRun && !target.action.any_sha)
    differing.push(["sha", request.sha, claims.sha], ["ref", request.ref, claims.ref]);
  for (const [name, said, proven] of differing)
    if (said !== proven) {
      const remedy =
        name === "sha" || name === "ref" ? "; action.any_sha lets a target be asked for another" : "";
      return { refused: `${name}: the token is of ${proven}, and the request says ${said}${remedy}` };
    }
  const refused =
    checkActionRules({ ...request, ref: claims.ref }, target) ??
    (isOwnRun ? checkActionRules(request, target) : null);
  if (refused) return { refused };
  if (isOwnRun) return { proven: true };
  if (claims.event_name === "workflow_run") return { proven: false };
  return {
    refused: `run_id: the token is of the run ${claims.run_id}, and only a workflow that workflow_run started (here: ${claims.event_name}) may ask for the run that started it`,
  };
}
