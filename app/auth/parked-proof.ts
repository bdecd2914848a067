import { z } from "zod";
import { wasSigned } from "../../shared/delivery-signature.ts";
import { leftAudience } from "../../shared/deployment-request.ts";
import { canonicalJson } from "../../shared/json-text.ts";
import type { Arrival } from "../accept/arrival.ts";
import { checkActionRules, type ParsedRequest, requestArrival } from "../accept/deployment-request.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { KnownRuns } from "./known-runs.ts";
import type { JobRights } from "./oidc/job-rights.ts";
import type { TokenVerifier } from "./oidc/token-verifier.ts";
import { Refusal } from "./refusal.ts";

/** A request that an Action parked at GitHub, as far as its proof is concerned. */
export interface ParkedProof {
  request: Record<string, unknown>;
  /** The headers that came with it, not yet checked. */
  proof: unknown;
  /** When it was parked (ms). */
  createdAt: number;
}

/**
 * Verifies who parked a request: returns what arrives by it, or why it is refused. Null when nothing is proven, so
 * that GitHub must say that the run may deploy.
 */
export type VerifyProof = (
  parked: ParkedProof,
  request: ParsedRequest,
  target: TargetConfig,
) => Promise<Arrival | { refused: string } | null>;

const proofShape = z.record(z.string(), z.string());

/**
 * Makes the verifier of parked requests. It accepts the same proofs as an endpoint did when the GitHub Deployment was
 * made: the target's secret, or the token of a job, made out for this very text.
 */
export function parkedProofVerifier({
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
}): VerifyProof {
  return async (parked, request, target) => {
    const { success, data: headers } = proofShape.safeParse(parked.proof);
    if (!success) return null;
    const text = canonicalJson(parked.request);
    try {
      const token = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
      if (token !== undefined) {
        const made = { audience: leftAudience(audience, text), at: parked.createdAt };
        const claims = await tokens.verify(token, made);
        // A token proves its own run only; of another one GitHub must say whether, and when, it may deploy.
        return claims.run_id === request.run_id ? await jobs.arrival(request, claims, target) : null;
      }
      const key = target.action.secret_env && secret(target.action.secret_env);
      if (!key || !wasSigned(key, text, headers, parked.createdAt)) return null;
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
