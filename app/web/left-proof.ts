import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { wasSigned } from "../../shared/delivery-signature.ts";
import { leftAudience, type RequestProof } from "../../shared/deployment-request.ts";
import { checkActionRules, requestArrival } from "../accept/deployment-request.ts";
import type { JudgeProof, LeftDeployment } from "../failover/left-deployment.ts";
import type { JobRights } from "./oidc/job-rights.ts";
import type { TokenVerifier } from "./oidc/token-verifier.ts";
import { HttpProblem } from "./problem.ts";

const proofShape = z.object({ body: z.string(), headers: z.record(z.string(), z.string()) });

/**
 * Judges what proves who left a request at GitHub, just as if it had come to an endpoint when the GitHub Deployment
 * was made: by the target's secret, or by the token of a job, which is made out for this very text.
 */
export function leftProofJudge({
  secret,
  tokens,
  audience,
  jobs,
}: {
  /** The secret that the environment holds under this name. */
  secret: (variable: string) => string | undefined;
  tokens: TokenVerifier;
  audience: string;
  jobs: JobRights;
}): JudgeProof {
  return async (left, request, target) => {
    const proof = readProof(left);
    if (!proof) return null;
    const { body, headers } = proof;
    try {
      const token = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
      if (token !== undefined) {
        const made = { audience: leftAudience(audience, body), at: left.createdAt };
        return await jobs.arrival(request, await tokens.verify(token, made), target);
      }
      const key = target.action.secret_env && secret(target.action.secret_env);
      if (!key || !wasSigned(key, body, headers, left.createdAt)) return null;
      const refused = checkActionRules(request, target);
      return refused ? { refused } : requestArrival(request, target);
    } catch (error) {
      if (!(error instanceof HttpProblem) || error.status === 503) throw error;
      // A proof that proves nothing is as good as none.
      return error.status === 401 ? null : { refused: error.message };
    }
  };
}

/** The proof beside a request, if it is about that very request. */
function readProof(left: LeftDeployment): RequestProof | null {
  const proof = proofShape.safeParse(left.proof);
  if (!proof.success) return null;
  try {
    return isDeepStrictEqual(JSON.parse(proof.data.body), left.request) ? proof.data : null;
  } catch {
    return null;
  }
}
