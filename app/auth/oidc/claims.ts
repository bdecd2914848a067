import { z } from "zod";

/** GitHub writes numbers as text in tokens. */
const number = z
  .string()
  .regex(/^[1-9]\d{0,15}$/)
  .transform(Number);
const text = z.string().min(1);

/**
 * The claims that Twinhook reads from a job's token; GitHub vouches for them. `sub` is left out on purpose:
 * its form differs between repositories, and changes.
 * @see https://docs.github.com/en/actions/reference/security/oidc
 */
export const oidcClaims = z.object({
  repository: text,
  repository_id: number,
  run_id: number,
  run_attempt: number,
  run_number: number.optional().catch(undefined),
  workflow_ref: text,
  ref: text,
  sha: text,
  event_name: text,
  actor: text,
  /** Only in the token of a job that names an environment: the job passed its protection rules. */
  environment: text.optional().catch(undefined),
});

export type OidcClaims = z.output<typeof oidcClaims>;
