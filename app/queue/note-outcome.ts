import type { DeploymentRecord } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { closeCondition, openCondition, raiseAlert } from "./raise-alert.ts";

/**
 * Opens or closes the `deployment_failed` alert, and with `tellSuccess` raises `deployment_succeeded`. Call it inside
 * the transaction that ends the deployment.
 */
export async function noteOutcome(
  trx: Writer,
  store: StoreContext,
  ended: Pick<DeploymentRecord, "id" | "repository_key" | "target" | "attempt" | "reason">,
  status: string,
  { tellSuccess = false }: { tellSuccess?: boolean | undefined } = {},
): Promise<void> {
  const { id: deploymentId, attempt, reason } = ended;
  const alert = {
    kind: "deployment_failed" as const,
    subject: `${ended.target} of ${ended.repository_key}`,
    facts: { deploymentId, attempt, reason },
  };
  if (status === "failed") await openCondition(trx, store, alert, { again: true });
  if (status !== "succeeded") return;
  await closeCondition(trx, store, alert);
  if (!tellSuccess) return;
  const { subject } = alert;
  const facts = { deploymentId, attempt };
  await raiseAlert(trx, store, { kind: "deployment_succeeded", state: "event", subject, facts });
}
