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

/** The proof that an Action parked at GitHub together with its request. */
export interface ParkedProof {
  request: Record<string, unknown>;
  /** The headers of the request, not yet checked. */
  proof: unknown;
  /** When the request was parked (ms). */
  createdAt: number;
}

/**
 * Verifies the proof of a parked request. Returns its arrival, or the reason for a refusal. Returns null when
 * the proof is missing or invalid: then GitHub must confirm that the run may deploy. It must do so as well where the
 * proof is an approval alone: that of a job of another run.
 */
export type VerifyProof = (
  parked: ParkedProof,
  request: ParsedRequest,
  target: TargetConfig,
) => Promise<Arrival | { refused: string } | { approvedFor: string } | null>;

const proofShape = z.record(z.string(), z.string());

/**
 * Makes the verifier of parked requests. It accepts the proofs that an endpoint accepted when the GitHub
 * Deployment was created. These are the target's secret, and a job's token with this very text as its
 * audience.
 */
export function parkedProofVerifier({
  secret,
  tokens,
  audience,
  jobs,
  runs,
}: {
  /** Returns the secret in this environment variable. */
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
        // A token proves only its own run. For another run, GitHub must confirm that it may deploy.
        if (claims.run_id === request.run_id) return await jobs.arrival(request, claims, target);
        const approvedFor = await jobs.approval(request, claims, target);
        return approvedFor === undefined ? null : { approvedFor };
      }
      const key = target.action.secret_env && secret(target.action.secret_env);
      if (!key || !wasSigned(key, text, headers, parked.createdAt)) return null;
      const refused = checkActionRules(request, target);
      if (refused) return { refused };
      await runs.require({ ...request, repository: target.repository });
      return requestArrival(request, target);
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason === "unavailable") throw error;
      // An invalid proof counts as no proof.
      return error.reason === "unauthenticated" ? null : { refused: error.message };
    }
  };
}
