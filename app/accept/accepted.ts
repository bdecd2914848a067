import type { DeliveryOutcome } from "../store/schema.ts";
import type { AcceptedDeployment } from "./arrival.ts";

/** A request that the deployment `id` of its key does not stand for. */
export interface Conflict {
  id: string;
  reason: string;
}

/** What became of an arrival, once it is committed. */
export interface Accepted {
  deliveryId: string | null;
  outcome: DeliveryOutcome;
  reason: string | null;
  deployments: AcceptedDeployment[];
  /** Whether a deployment now waits that did not before. */
  queued: boolean;
  /** A known key that was asked for with something else, and why that is refused; nothing was changed. */
  conflict: Conflict | null;
}
