import type { AlertFacts } from "../queue/alert-facts.ts";
import { closeCondition, openCondition, raiseAlert } from "../queue/raise-alert.ts";
import type { Store, Writer } from "../store/store.ts";

/**
 * Inside the transaction that decides a change of the active endpoint: has people told. A failover lasts until the
 * preferred endpoint is the active one again, by recovery or by a person. A switchover was that person's own wish.
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
