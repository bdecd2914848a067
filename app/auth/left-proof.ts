import { z } from "zod";
import { wasSigned } from "../../shared/delivery-signature.ts";
import { leftAudience } from "../../shared/deployment-request.ts";
import { canonicalJson } from "../../shared/json-text.ts";
import { checkActionRules, requestArrival } from "../accept/deployment-request.ts";
import type { JudgeProof } from "../failover/left-deployment.ts";
import type { KnownRuns } from "./known-runs.ts";
import type { JobRights } from "./oidc/job-rights.ts";
import type { TokenVerifier } from "./oidc/token-verifier.ts";
import { Refusal } from "./refusal.ts";

const proofShape = z.record(z.string(), z.string());

/**
 * Judges what proves who left a request at GitHub, just as if it had come to an endpoint when the GitHub Deployment
 * was made: by the target's secret, or by the token of a job, which is made out for this very text.
 */
export function leftProofJudge({
  secret,
  tokens,
  audience,
  jobs,
  runs,
}: {
  /** The secret that the environment holds under this name. */
  secret: (variable: string) => string | undefined;
  tokens: TokenVerifier;
  audience: string;
  jobs: JobRights;
  runs: KnownRuns;
}): JudgeProof {
  return async (left, request, target) => {
    const { success, data: headers } = proofShape.safeParse(left.proof);
    if (!success) return null;
    const text = canonicalJson(left.request);
    try {
      const token = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
      if (token !== undefined) {
        const made = { audience: leftAudience(audience, text), at: left.createdAt };
        const claims = await tokens.verify(token, made);
        // A token proves its own run only; of another one GitHub must say whether, and when, it may deploy.
        return claims.run_id === request.run_id ? await jobs.arrival(request, claims, target) : null;
      }
      const key = target.action.secret_env && secret(target.action.secret_env);
      if (!key || !wasSigned(key, text, headers, left.createdAt)) return null;
      const refused = checkActionRules(request, target);
      if (refused) return { refused };
      await runs.require({ ...request, repository: target.repository });
      return requestArrival(request, target);
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason === "unavailable") throw error;
      // A proof that proves nothing is as good as none.
      return error.reason === "unauthenticated" ? null : { refused: error.message };
    }
  };
}
