import type { DeliveryOutcome } from "../store/schema.ts";
import type { AcceptedDeployment } from "./arrival.ts";

/** What became of an arrival, once it is committed. */
export interface Accepted {
  deliveryId: string | null;
  outcome: DeliveryOutcome;
  reason: string | null;
  deployments: AcceptedDeployment[];
  /** Whether a deployment now waits that did not before. */
  queued: boolean;
  /** A known key that was asked for with another sha; nothing was changed. */
  conflict: { id: string; sha: string } | null;
}
