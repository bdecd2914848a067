import type { AlertFacts } from "../queue/alert-facts.ts";
import { closeCondition, openCondition, raiseAlert } from "../queue/raise-alert.ts";
import type { Store, Writer } from "../store/store.ts";

/**
 * Records the alert of a change of the active endpoint, in the transaction that records the decision. A failover alert
 * stays open until the preferred endpoint is active again, by failback or by a person. A switchover opens no alert.
 */
export async function alertOfChange(
  trx: Writer,
  store: Store,
  { preferred, detectedAt, ...facts }: AlertFacts["failover"] & { preferred: boolean; detectedAt: number },
): Promise<void> {
  const alert = { kind: "failover" as const, subject: "", facts };
  if (facts.kind !== "failover") {
    if (preferred) await closeCondition(trx, store, alert);
    return;
  }
  if (!preferred) return openCondition(trx, store, { ...alert, since: detectedAt }, { again: true });
  await closeCondition(trx, store, alert);
  await raiseAlert(trx, store, { ...alert, state: "event", since: detectedAt });
}
