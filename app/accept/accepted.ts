import type { DeliveryOutcome } from "../store/schema.ts";
import type { AcceptedDeployment } from "./arrival.ts";

/** A request that differs from the deployment `id` of its key. */
export interface Conflict {
  id: string;
  reason: string;
}

/** The result of an arrival, once it is committed. */
export interface Accepted {
  deliveryId: string | null;
  outcome: DeliveryOutcome;
  reason: string | null;
  deployments: AcceptedDeployment[];
  /** Whether a deployment entered the queue by it. */
  queued: boolean;
  /** A known key with other contents, and the reason for the refusal; nothing was changed. */
  conflict: Conflict | null;
}
