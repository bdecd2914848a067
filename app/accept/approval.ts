import type { TargetConfig } from "../config/schema.ts";
import { isSameEnvironment } from "../config/target-name.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { TargetRow } from "../store/schema.ts";
import type { Reader } from "../store/store.ts";
import type { Arrival } from "./arrival.ts";
import { isAction, isEvent } from "./run-source.ts";

/** Whether only an approved job starts a deployment. */
export type Approval = "required" | "none";

/** An environment at GitHub, and the types of its protection rules, such as `required_reviewers`. */
export interface Protection {
  environment: string;
  rules: string[];
}

/** What a run waits for: an approved job, or GitHub's word on the environment's protection. */
export type Gate = "approval" | "protection";

type ApprovalRules = Pick<TargetConfig, "environment" | "approval">;

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

/** {@link protectionOf} a target, from the store. */
export async function readProtection(
  read: Reader,
  target: Pick<TargetConfig, "repository" | "name" | "environment">,
): Promise<Protection | null> {
  const row = await read
    .selectFrom("targets")
    .select("protection")
    .where("repository", "=", repositoryKey(target.repository))
    .where("target", "=", target.name)
    .executeTakeFirst();
  return protectionOf(row, target);
}

/** What an arrival waits for at this target; null where it may deploy. A person's request may. */
export function gateFor(
  { source, approvedFor }: Pick<Arrival, "source" | "approvedFor">,
  target: ApprovalRules,
  protection: Protection | null,
): Gate | null {
  const approval = approvalOf(target, protection);
  if (source === "manual" || approval === "none") return null;
  if (approvedFor !== undefined && isSameEnvironment(approvedFor, target.environment)) return null;
  return approval === null ? "protection" : "approval";
}

/** What a waiting run waits for, in words. */
export function describeGate(gate: Gate, environment: string): string {
  return gate === "approval"
    ? `waits for an approved job of environment ${environment}`
    : `waits until GitHub tells whether it protects the environment ${environment}`;
}

const RULES: Record<string, string> = {
  required_reviewers: "required reviewers",
  wait_timer: "a wait timer",
  branch_policy: "allowed branches and tags",
  custom: "rules of other Apps",
};

/** The types of protection rules in words. */
export function describeRules(rules: readonly string[]): string {
  return rules.map((rule) => RULES[rule] ?? rule).join(", ");
}

/** Why an arrival by this route deploys nothing to the target; null where it may. */
export function whyNotByRoute(
  { source }: Pick<Arrival, "source">,
  { name, routes }: Pick<TargetConfig, "name" | "routes">,
): string | null {
  if (isEvent(source) && !routes.includes("event"))
    return `events deploy nothing to ${name}: only an Action may (routes: [action])`;
  if (isAction(source) && !routes.includes("action"))
    return `Actions may not deploy ${name} (routes: [event]); add action to its routes in twinhook.yml, or remove the step`;
  return null;
}
