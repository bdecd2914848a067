/** A claim on a running deployment. Every write under it is conditional on holder and token. */
export interface Lease {
  deploymentId: string;
  /** The runner process that holds it, unique for all time. */
  holder: string;
  /** Grows with every new holder of the deployment. */
  token: number;
}

/** How long a deployment's lease lasts without renewal. */
export const DEPLOYMENT_LEASE_MS = 30_000;

/** The holder has lost the lease: another holder took over, or the deployment ended. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
  constructor({ deploymentId, holder, token }: Lease) {
    super(
      `${holder} (token ${token}) no longer holds the lease on ${deploymentId}; another holder decides now`,
    );
  }
}
