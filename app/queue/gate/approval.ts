import type { TargetConfig } from "../../config/schema.ts";
import { isSameEnvironment } from "../../config/target-name.ts";
import type { TargetRow } from "../../store/schema.ts";

/** Whether only an approved job starts a deployment. */
export type Approval = "required" | "none";

/** An environment at GitHub, and the types of its protection rules, such as `required_reviewers`. */
export interface Protection {
  environment: string;
  rules: string[];
}

/** What a run waits for: an approved job, or GitHub's word on the environment's protection. */
export type Gate = "approval" | "protection";

/** What a target asks of a run. */
export type ApprovalRules = Pick<TargetConfig, "environment" | "approval">;

/** The last known protection of a target's environment; null where GitHub never told. */
export function protectionOf(
  row: Pick<TargetRow, "protection"> | undefined,
  { environment }: Pick<TargetConfig, "environment">,
): Protection | null {
  if (row?.protection == null) return null;
  const known = JSON.parse(row.protection) as Protection;
  // The target may have had another environment then.
  return isSameEnvironment(known.environment, environment) ? known : null;
}

/** The approval in effect on a target; null while GitHub has not told whether it protects the environment. */
export function approvalOf(target: ApprovalRules, protection: Protection | null): Approval | null {
  if (target.approval !== "auto") return target.approval;
  if (protection === null) return null;
  return protection.rules.length > 0 ? "required" : "none";
}

/** What a run waits for whose job named the environment `approvedFor`, if any; null where it may begin. */
export function gateOf(
  approvedFor: string | null | undefined,
  target: ApprovalRules,
  protection: Protection | null,
): Gate | null {
  const approval = approvalOf(target, protection);
  if (approval === "none") return null;
  if (approvedFor != null && isSameEnvironment(approvedFor, target.environment)) return null;
  return approval === null ? "protection" : "approval";
}

/** What a waiting run waits for, in words. */
export function describeGate(gate: Gate, environment: string): string {
  return gate === "approval"
    ? `waits for an approved job of environment ${environment}`
    : `waits until GitHub tells whether it protects the environment ${environment}`;
}
