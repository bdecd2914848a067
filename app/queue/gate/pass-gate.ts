import type { DeploymentRecord, TargetRow } from "../../store/schema.ts";
import type { StoreContext, Writer } from "../../store/store.ts";
import { type ApprovalRules, describeGate, gateOf, protectionOf } from "./approval.ts";

/** A deployment's right to begin while its target needs an approval. */
type Proof = Pick<DeploymentRecord, "source" | "approved_for" | "passes_gate" | "interruptions">;

/** Whether a run at this target may have to wait for an approval or for GitHub's word on one. */
export function hasGate(rules: ApprovalRules, target: TargetRow): boolean {
  return gateOf(null, rules, protectionOf(target, rules)) !== null;
}

/**
 * Splits waiting deployments by the target's gate. An environment may have become protected after a run was
 * accepted. Those that have to wait say so from now on.
 */
export async function passGate(
  trx: Writer,
  store: StoreContext,
  rules: ApprovalRules,
  { target, waiting }: { target: TargetRow; waiting: readonly DeploymentRecord[] },
): Promise<{ free: DeploymentRecord[]; stopped: DeploymentRecord[] }> {
  const protection = protectionOf(target, rules);
  const gateFor = (row: Proof) => (passesGate(row) ? null : gateOf(row.approved_for, rules, protection));
  const free = waiting.filter((row) => gateFor(row) === null);
  const stopped = waiting.filter((row) => gateFor(row) !== null);
  let isNew = false;
  for (const row of stopped) {
    const reason = describeGate(gateFor(row) ?? "approval", rules.environment);
    if (row.reason === reason) continue;
    isNew = true;
    await trx.updateTable("deployments").set({ reason }).where("id", "=", row.id).execute();
  }
  if (isNew) await store.notify(trx);
  return { free, stopped };
}

/** Whether the reason of a waiting deployment names a gate. */
export function hasWaitedAtGate({ reason, environment }: DeploymentRecord): boolean {
  return (["approval", "protection"] as const).some((gate) => reason === describeGate(gate, environment));
}

/** A person may deploy, and what had begun goes on after an interruption. */
function passesGate({ source, passes_gate, interruptions }: Proof): boolean {
  return source === "manual" || passes_gate !== null || interruptions > 0;
}
